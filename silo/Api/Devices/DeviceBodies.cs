using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Silo.Api.Rollouts;

namespace Fleet.Silo.Api.Devices;

/// <summary>What an operator says about a device.</summary>
/// <param name="Model">The device model; cannot change once set.</param>
/// <param name="Attributes">
/// Names 1 to 64 of [a-z0-9_.-], values 1 to 256 characters; merged into what is there. "site" is one of them.
/// </param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record DeviceRegistrationBody(string? Model, IReadOnlyDictionary<string, string>? Attributes);

/// <summary>A device, as lists show it.</summary>
/// <param name="Healthy">What it said last; absent if it never did.</param>
/// <param name="Connectivity">never, connected, disconnected or stale.</param>
internal sealed record DeviceRowBody(
    string Thing, string Model, string? Firmware, bool? Healthy, string Connectivity, DateTimeOffset? LastSeenAt,
    IReadOnlyDictionary<string, string> Attributes)
{
    public static DeviceRowBody Of(DeviceRow row) =>
        new(row.Thing.Value, row.Model.Value, row.Firmware?.Value, row.Healthy, Words.Of(row.Connectivity), row.LastSeenAt, row.Attributes);
}

/// <summary>A device with its jobs.</summary>
/// <param name="DisconnectReason">Why its last session ended; absent while it has one.</param>
/// <param name="Jobs">Open ones first, then the last that ended, newest first.</param>
internal sealed record DeviceBody(
    string Thing, string Model, string? Firmware, bool? Healthy, string Connectivity, DateTimeOffset? ConnectivityChangedAt,
    string? DisconnectReason, DateTimeOffset? LastSeenAt, DateTimeOffset RegisteredAt, IReadOnlyDictionary<string, string> Attributes,
    IReadOnlyList<DeviceJobBody> Jobs)
{
    public static DeviceBody Of(DeviceView view) => new(
        view.Thing.Value, view.Model.Value, view.Firmware?.Value, view.Healthy, Words.Of(view.Connectivity), view.ConnectivityChangedAt,
        view.DisconnectReason is { } reason ? Words.Of(reason) : null, view.LastSeenAt, view.RegisteredAt, view.Attributes,
        [.. view.Jobs.Select(DeviceJobBody.Of)]);
}

/// <summary>An execution of a job on the device.</summary>
/// <param name="Status">On the wire: queued, inProgress, succeeded, failed, rejected, timedOut, canceled or removed.</param>
/// <param name="Stage">queued, downloading, installing, confirming or ended.</param>
/// <param name="Outcome">How it ended; absent before.</param>
internal sealed record DeviceJobBody(
    string JobId, int ExecutionNumber, int VersionNumber, string Status, string Stage, string? Outcome,
    IReadOnlyDictionary<string, string> StatusDetails, DateTimeOffset QueuedAt, DateTimeOffset? StartedAt, DateTimeOffset LastUpdatedAt)
{
    public static DeviceJobBody Of(JobExecution job) => new(
        job.JobId.Value, job.ExecutionNumber, job.VersionNumber, Words.Of(job.Status), Words.Of(job.Stage),
        job.Outcome is { } outcome ? Words.Of(outcome) : null, job.StatusDetails, job.QueuedAt, job.StartedAt, job.LastUpdatedAt);
}
