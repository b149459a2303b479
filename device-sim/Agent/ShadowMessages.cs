using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent;

/// <summary>The classic shadow's update, as far as this device reports: <c>{"state":{"reported":{"firmware":{"version","slot"},"health"}}}</c>.</summary>
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
