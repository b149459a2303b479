using System.Text.Json;

namespace Fleet.Samples.DotnetDevice;

/// <summary>A job execution whose outcome is decided by what runs after the restart.</summary>
/// <param name="Floor">Once the slot proved itself, the device takes no version below this one.</param>
internal sealed record PendingJob(string JobId, long ExecutionNumber, string Slot, Version? Floor);

/// <summary>All that a device remembers: one file, replaced as a whole.</summary>
/// <param name="Active">The slot that proved itself, "a" or "b".</param>
/// <param name="Versions">By slot.</param>
internal sealed record DeviceState(string Active, Dictionary<string, Version> Versions)
{
    /// <summary>The slot to boot next, and only then.</summary>
    public string? BootOnce { get; init; }
    public Version? Floor { get; init; }
    public PendingJob? Pending { get; init; }
}

/// <summary>
/// Two slots for firmware, the files <c>slot-a</c> and <c>slot-b</c>. New firmware is booted once; unless it proves itself before the next
/// power-on, the old one runs again.
/// </summary>
internal sealed class Slots
{
    private readonly string _folder;

    private Slots(string folder, DeviceState state, string running) => (_folder, State, Running) = (folder, state, running);

    public DeviceState State { get; private set; }
    public string Running { get; }
    public Version RunningVersion => State.Versions[Running];

    private string Spare => Running == "a" ? "b" : "a";

    /// <summary>What a boot loader does.</summary>
    public static Slots PowerOn(string folder, Version factoryVersion)
    {
        string file = Path.Combine(folder, "state.json");
        var state = File.Exists(file)
            ? JsonSerializer.Deserialize<DeviceState>(File.ReadAllText(file))!
            : new DeviceState("a", new() { ["a"] = factoryVersion });
        var slots = new Slots(folder, state, state.BootOnce ?? state.Active);
        slots.Save(state with { BootOnce = null });
        return slots;
    }

    /// <summary>Where a download grows. Named after its content: after a cut it goes on, and another one begins afresh.</summary>
    public FileInfo PartFile(byte[] sha256)
    {
        string part = Path.Combine(_folder, $"{Convert.ToHexStringLower(sha256)}.part");
        foreach (string other in Directory.EnumerateFiles(_folder, "*.part").Where(file => file != part)) File.Delete(other);
        return new FileInfo(part);
    }

    public void WriteSpare(string partFile) => File.Move(partFile, Path.Combine(_folder, $"slot-{Spare}"), overwrite: true);

    public void BootSpareOnce(Job job, Manifest manifest) => Save(State with
    {
        Versions = new(State.Versions) { [Spare] = manifest.Version },
        BootOnce = Spare,
        Pending = new PendingJob(job.Id, job.ExecutionNumber, Spare, manifest.Floor),
    });

    /// <summary>The running slot proved itself. The floor only ever rises.</summary>
    public void Confirm(Version? floor) => Save(State with { Active = Running, Floor = State.Floor >= floor ? State.Floor : floor });

    public void Forget() => Save(State with { Pending = null });

    private void Save(DeviceState state)
    {
        WholeFile.Write(Path.Combine(_folder, "state.json"), JsonSerializer.Serialize(state));
        State = state;
    }
}
