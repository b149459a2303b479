using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Faults;

namespace Fleet.DeviceSim.Agent;

internal enum ConnectionState
{
    /// <summary>Not started, or ended.</summary>
    Off,
    Provisioning,
    Connecting,
    Connected,
    Restarting,

    /// <summary>Waiting before the next attempt.</summary>
    BackingOff,

    /// <summary>Hung after an install, as planted.</summary>
    Silent,

    /// <summary>Ended on an error that is a bug.</summary>
    Faulted,
}

/// <summary>A device at a glance.</summary>
/// <param name="Version">What it runs; null before its first start.</param>
/// <param name="Step">Of the update under way; null if there is none.</param>
/// <param name="Installs">Slot writes by version.</param>
/// <param name="Trouble">Why it is not connected, in words.</param>
internal sealed record DeviceView(
    string Thing,
    ConnectionState Connection,
    string? Version,
    string? Health,
    UpdateStep? Step,
    ImmutableSortedDictionary<string, int> Installs,
    ImmutableSortedDictionary<FaultKind, int> Faults,
    string? Trouble);
