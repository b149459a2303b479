using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Images;

namespace Fleet.DeviceSim.Agent.Boot;

/// <summary>What was written into a slot.</summary>
/// <param name="Version">As the manifest names it.</param>
/// <param name="Sha256">64 lower-case hex digits; null for the image that came from the factory.</param>
internal sealed record SlotContent(string Version, string? Sha256);

/// <summary>The slot to boot instead of the active one until it is confirmed.</summary>
/// <param name="Attempts">How often it was booted already, 0 to <see cref="BootCore.MaxAttempts"/>.</param>
internal sealed record BootTrial(Slot Slot, int Attempts);

/// <summary>
/// All that a device remembers through a power cut, but for its identity and its images. One file, replaced by one rename: boot
/// pointer, install counts and the step of the update are never at odds.
/// </summary>
internal sealed record DeviceState
{
    /// <summary>The boot pointer: the slot that has proved itself.</summary>
    public required Slot Active { get; init; }
    public BootTrial? Trial { get; init; }
    public SlotContent? A { get; init; }
    public SlotContent? B { get; init; }

    /// <summary>
    /// The lowest version this device still takes (anti-rollback); null takes any. Only ever rises, and only on confirmation.
    /// </summary>
    public string? Floor { get; init; }

    public UpdateRecord? Update { get; init; }

    /// <summary>The last job execution that ended here, so that a repeat of it is answered rather than run again.</summary>
    public FinishedJob? Last { get; init; }

    /// <summary>Real writes of a slot by version.</summary>
    public ImmutableSortedDictionary<string, int> Installs { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    public static DeviceState FromFactory(string version) => new() { Active = Slot.A, A = new SlotContent(version, null) };

    public SlotContent? In(Slot slot) => slot == Slot.A ? A : B;

    public DeviceState With(Slot slot, SlotContent content) => slot == Slot.A ? this with { A = content } : this with { B = content };
}

/// <summary>What the device runs between one restart and the next.</summary>
/// <param name="Version">As the image itself says, or the manifest if it does not.</param>
/// <param name="Health">"ok", or what is wrong.</param>
internal sealed record RunningImage(Slot Slot, string Version, string Health)
{
    public bool IsHealthy => Health == SimulatedImage.Healthy;
}
