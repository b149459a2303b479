using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Index;

/// <summary>A grain state that has a row in the fleet index, written in the same commit as the state.</summary>
public interface IDeviceIndexed
{
    /// <summary>Null while there is no such device.</summary>
    DeviceRow? ToDeviceRow();
}

/// <summary>A device, as the fleet index keeps it: what operators query and rollouts target.</summary>
/// <param name="Gateway">The gateway that holds its session; null without one.</param>
public sealed record DeviceRow(
    ThingName Thing,
    ModelName Model,
    FirmwareVersion? Firmware,
    bool? Healthy,
    Connectivity Connectivity,
    string? Gateway,
    DateTimeOffset? LastSeenAt,
    ImmutableSortedDictionary<string, string> Attributes);

/// <summary>Reads the fleet index.</summary>
public interface IFleetIndex
{
    /// <summary>Rows by thing name, after <paramref name="after"/> (null: from the first).</summary>
    Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation);

    Task<long> Count(FleetQuery query, CancellationToken cancellation);

    /// <summary>How many devices stand in each state, for metrics.</summary>
    Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation);
}
