using Fleet.DeviceSim.Images;

namespace Fleet.DeviceSim.Agent.Boot;

/// <summary>The boot loader's rules: which slot runs, and when a trial ends.</summary>
internal static class BootCore
{
    /// <summary>
    /// Boots that a new image gets to prove itself; after the last of them the old slot runs again (spec/security.md, 2.6).
    /// </summary>
    public const int MaxAttempts = 3;

    /// <summary>Picks the slot to run, and counts the attempt if it is on trial.</summary>
    /// <param name="trialIsBootable">The slot on trial holds what was written into it, and the loader can start it.</param>
    public static (DeviceState State, Slot Running) Boot(DeviceState state, bool trialIsBootable) => state.Trial switch
    {
        null => (state, state.Active),
        { Attempts: < MaxAttempts } trial when trialIsBootable =>
            (state with { Trial = trial with { Attempts = trial.Attempts + 1 } }, trial.Slot),
        _ => (Revert(state), state.Active),
    };

    /// <summary>The slot on trial has proved itself: the boot pointer moves, and the floor rises to what the image asks for.</summary>
    public static DeviceState Confirm(DeviceState state, string? floor) => state with
    {
        Active = state.Trial?.Slot ?? state.Active,
        Trial = null,
        Floor = Higher(state.Floor, floor),
    };

    /// <summary>The trial is over; the next boot takes the active slot. The floor stays.</summary>
    public static DeviceState Revert(DeviceState state) => state with { Trial = null };

    private static string? Higher(string? floor, string? asked)
    {
        if (!SemVer.TryParse(asked, out var wanted)) return floor;
        return SemVer.TryParse(floor, out var current) && current.CompareTo(wanted) >= 0 ? floor : asked;
    }
}
