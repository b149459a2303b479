using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Wire;

/// <summary>The topic names of one thing.</summary>
internal sealed class DeviceTopics(string thing)
{
    /// <summary>What every reserved topic of this thing begins with.</summary>
    public string Prefix { get; } = $"$aws/things/{thing}/";
    public string Heartbeat { get; } = $"fleet/{thing}/heartbeat";
    public string Status { get; } = $"fleet/{thing}/status";

    public string NotifyNext => Prefix + "jobs/notify-next";
    public string StartNext => Prefix + "jobs/start-next";
    public string UpdateJob(string jobId) => $"{Prefix}jobs/{jobId}/update";
    public string UpdateShadow => Prefix + "shadow/update";
    public string GetBlocks(string stream, string format) => $"{Prefix}streams/{stream}/get/{format}";
    public string Data(string stream, string format) => $"{Prefix}streams/{stream}/data/{format}";
    public string Rejected(string stream, string format) => $"{Prefix}streams/{stream}/rejected/{format}";
}

/// <summary>
/// The classic shadow's update, as far as this device reports: <c>{"state":{"reported":{"firmware":{"version","slot"},"health"}}}</c>.
/// </summary>
internal sealed record ShadowUpdate(ShadowUpdate.StateSections State, string ClientToken)
{
    internal sealed record StateSections(ReportedState Reported);

    internal sealed record ReportedState(FirmwareState Firmware, string Health);

    internal sealed record FirmwareState(string Version, string Slot);
}

/// <summary>Heartbeat; the first one of a connection declares the period.</summary>
internal sealed record Heartbeat(long Sequence, double PeriodSeconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ShadowUpdate))]
[JsonSerializable(typeof(Heartbeat))]
internal sealed partial class DeviceJson : JsonSerializerContext;
