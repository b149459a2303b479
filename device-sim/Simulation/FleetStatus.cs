using System.Text.Json.Serialization;
using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Jobs;

namespace Fleet.DeviceSim.Simulation;

/// <summary>
/// A fleet at a glance. With <c>--json</c>, each line on standard output is one of these as an object, at most one a second and only when
/// something changed:
/// <code>
/// {"type":"status","seconds":12.3,"devices":1000,
///  "connections":{"connected":990,"restarting":10},   device counts; off, provisioning, connecting, connected, restarting,
///                                                     backingOff, silent, faulted
///  "versions":{"1.0.0":600,"1.1.0":400},               device counts by the version that runs
///  "health":{"ok":998,"failed":2},                     device counts
///  "updates":{"downloading":40,"confirming":3},        device counts by step; downloading, installing, confirming, decided
///  "installs":{"1.1.0":403},                           slot writes, all told, by version
///  "outcomes":{"succeeded":400,"failed":2},            outcomes that the service took in this run
///  "faults":{"install":2},                             planted faults that struck in this run
///  "connects":2100,"heartbeats":11800,"blocks":6448,"bytes":422576128,"repeats":0,
///  "trouble":{"the reason in words":1}}                device counts, of those without a connection
/// </code>
/// The last line has <c>"type":"summary"</c>, the same members, and <c>"reached"</c>: true or false if <c>--until</c> was given, otherwise
/// left out. Counts of zero are left out of the maps.
/// </summary>
internal sealed record FleetStatus
{
    public required string Type { get; init; }
    public required double Seconds { get; init; }
    public required int Devices { get; init; }
    public required SortedDictionary<string, int> Connections { get; init; }
    public required SortedDictionary<string, int> Versions { get; init; }
    public required SortedDictionary<string, int> Health { get; init; }
    public required SortedDictionary<string, int> Updates { get; init; }
    public required SortedDictionary<string, int> Installs { get; init; }
    public required SortedDictionary<string, int> Outcomes { get; init; }
    public required SortedDictionary<string, int> Faults { get; init; }
    public required long Connects { get; init; }
    public required long Heartbeats { get; init; }
    public required long Blocks { get; init; }
    public required long Bytes { get; init; }
    public required long Repeats { get; init; }
    public required SortedDictionary<string, int> Trouble { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Reached { get; init; }

    public static FleetStatus Of(IEnumerable<DeviceView> devices, AgentCounters counters, TimeSpan elapsed)
    {
        var status = new FleetStatus
        {
            Type = "status", Seconds = Math.Round(elapsed.TotalSeconds, 1), Devices = 0,
            Connections = [], Versions = [], Health = [], Updates = [], Installs = [], Outcomes = [], Faults = [], Trouble = [],
            Connects = counters.Connects, Heartbeats = counters.Heartbeats,
            Blocks = counters.Fetch.Blocks, Bytes = counters.Fetch.Bytes, Repeats = counters.Fetch.Repeats,
        };
        int count = 0;
        foreach (var device in devices)
        {
            count++;
            Add(status.Connections, Name(device.Connection));
            if (device.Version is { } version) Add(status.Versions, version);
            if (device.Health is { } health) Add(status.Health, health);
            if (device.Step is { } step) Add(status.Updates, Name(step));
            foreach (var (installed, times) in device.Installs) Add(status.Installs, installed, times);
            foreach (var (fault, times) in device.Faults) Add(status.Faults, Name(fault), times);
            if (device.Trouble is { } trouble) Add(status.Trouble, trouble);
        }
        foreach (var result in Enum.GetValues<JobResult>()) Add(status.Outcomes, Name(result), (int)counters.Outcomes(result));
        return status with { Devices = count };
    }

    public int In(ConnectionState state) => Connections.GetValueOrDefault(Name(state));

    /// <summary>Whether a reader would learn anything from this one that the other did not say.</summary>
    public bool Tells(FleetStatus? other) => other is null || Blocks != other.Blocks || Connects != other.Connects
        || !Same(Connections, other.Connections) || !Same(Versions, other.Versions) || !Same(Health, other.Health)
        || !Same(Updates, other.Updates) || !Same(Installs, other.Installs) || !Same(Outcomes, other.Outcomes)
        || !Same(Faults, other.Faults) || !Same(Trouble, other.Trouble);

    private static bool Same(SortedDictionary<string, int> one, SortedDictionary<string, int> other) => one.SequenceEqual(other);

    private static void Add(SortedDictionary<string, int> counts, string key, int more = 1)
    {
        if (more != 0) counts[key] = counts.GetValueOrDefault(key) + more;
    }

    private static string Name<T>(T value) where T : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(FleetStatus))]
internal sealed partial class FleetStatusJson : JsonSerializerContext;
