using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Grains.Jobs;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>What is kept of one device. A fleet has a hundred thousand of these: what can be left out is null.</summary>
internal sealed record DeviceState : IDeviceIndexed
{
    /// <summary>Null until it is registered.</summary>
    public ThingName? Thing { get; init; }
    public ModelName? Model { get; init; }
    public ImmutableSortedDictionary<string, string>? Attributes { get; init; }

    /// <summary>The certificate id of the claim that let it in last, or "operator".</summary>
    public string? RegisteredBy { get; init; }
    public DateTimeOffset RegisteredAt { get; init; }

    public FirmwareVersion? Firmware { get; init; }

    /// <summary>When the device itself said so; null if it has not since it came back, or somebody else did after it.</summary>
    public DateTimeOffset? FirmwareReportedAt { get; init; }
    public bool? Healthy { get; init; }

    /// <inheritdoc cref="FirmwareReportedAt"/>
    public DateTimeOffset? HealthReportedAt { get; init; }

    /// <summary>Since when it has said nothing but healthy about this version.</summary>
    public DateTimeOffset? HealthySince { get; init; }
    public long ShadowVersion { get; init; }
    public DateTimeOffset? ReportedAt { get; init; }

    public Connectivity Connectivity { get; init; }
    public DateTimeOffset? ConnectivityChangedAt { get; init; }
    public DisconnectReason? DisconnectReason { get; init; }

    /// <summary>The session it has; null while it is disconnected.</summary>
    public DeviceSession? Session { get; init; }

    /// <summary>Of the newest session it ever had: what comes from an older one is late. Null: it had none.</summary>
    public SessionEpoch? SessionEpoch { get; init; }
    public DateTimeOffset? LastSeenAt { get; init; }

    /// <summary>Executions without an outcome.</summary>
    public ImmutableArray<DeviceExecution> Open { get => field.IsDefault ? [] : field; init; }

    /// <summary>
    /// The last ones with an outcome, oldest first, so that a repeated or late message about them is known for what it is.
    /// </summary>
    public ImmutableArray<DeviceExecution> Ended { get => field.IsDefault ? [] : field; init; }

    public DeviceOutbox Outbox { get => field ?? DeviceOutbox.Empty; init; }

    [JsonIgnore]
    public bool IsRegistered => Model is not null;

    [JsonIgnore]
    public DeviceReports Reports => new()
    {
        Firmware = Firmware,
        FirmwareAt = FirmwareReportedAt,
        HealthAt = HealthReportedAt,
        HealthySince = HealthySince,
        OnlineSince = Connectivity is Connectivity.Connected ? ConnectivityChangedAt : null,
    };

    public DeviceExecution? Find(JobId job, int number) =>
        Open.FirstOrDefault(e => e.Is(job, number)) ?? Ended.FirstOrDefault(e => e.Is(job, number));

    /// <summary>The job's execution with the highest number.</summary>
    public DeviceExecution? Latest(JobId job) => Open.Concat(Ended).Where(e => e.JobId == job).MaxBy(e => e.Number);

    public DeviceRow? ToDeviceRow() => Thing is { } thing && Model is { } model
        ? new DeviceRow(
            thing, model, Firmware, Healthy, Connectivity, Session?.GatewayId, LastSeenAt,
            Attributes ?? ImmutableSortedDictionary<string, string>.Empty)
        : null;
}

[JsonSerializable(typeof(DeviceState))]
internal sealed partial class DevicesJson : JsonSerializerContext;
