using System.Text.Json;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Shadows;

/// <summary>
/// What a classic shadow's update tells the device grain: <c>{"state":{"reported":{"firmware":{"version":"1.1.0"},"health":"ok"}}}</c>.
/// </summary>
internal static class ShadowReport
{
    /// <param name="sessionEpoch">Of the device's session, if it is the device that says so.</param>
    /// <param name="unsent">A report that has not arrived yet: what the new one does not say is taken from it.</param>
    /// <returns>All that is outstanding, or null for nothing.</returns>
    public static FirmwareReport? Of(
        ShadowUpdate update, long shadowVersion, DateTimeOffset now, FirmwareReport? unsent, SessionEpoch? sessionEpoch = null)
    {
        var reported = update.Sections.FirstOrDefault(section => section.Name is "reported").Value;
        if (reported.ValueKind is not JsonValueKind.Object) return unsent;
        var (version, healthy) = (VersionIn(reported), HealthIn(reported));
        if (version is null && healthy is null) return unsent;
        // What was said in another session was not said in this one.
        var rest = unsent?.SessionEpoch == sessionEpoch ? unsent : null;
        return new FirmwareReport(version ?? rest?.Version, healthy ?? rest?.Healthy, shadowVersion, now, sessionEpoch);
    }

    private static FirmwareVersion? VersionIn(JsonElement reported) =>
        reported.TryGetProperty("firmware", out var firmware) && firmware.ValueKind is JsonValueKind.Object &&
        firmware.TryGetProperty("version", out var text) && text.ValueKind is JsonValueKind.String &&
        FirmwareVersion.TryParse(text.GetString(), out var version) ? version : null;

    private static bool? HealthIn(JsonElement reported) =>
        reported.TryGetProperty("health", out var health) && health.ValueKind is not JsonValueKind.Null
            ? health.ValueKind is JsonValueKind.String && health.GetString() == "ok"
            : null;
}
