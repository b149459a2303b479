using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Devices;

/// <summary>What provisioning, or an operator, says about a device.</summary>
/// <param name="Model">The device model; cannot change once set.</param>
/// <param name="Attributes">
/// Names 1 to 64 of [a-z0-9_.-], values 1 to 256 characters; at most 50. Merged into what is there. "site" is one of them.
/// </param>
/// <param name="RegisteredBy">The certificate id of the claim that let it in, or <see cref="ByOperator"/>.</param>
/// <param name="Bound">The claim is good for this thing alone, and so may let it in again although another one did before.</param>
[GenerateSerializer, Immutable, Alias("fleet.device-registration")]
public sealed record DeviceRegistration(
    [property: Id(0)] ModelName Model,
    [property: Id(1)] ImmutableSortedDictionary<string, string> Attributes,
    [property: Id(2)] string RegisteredBy,
    [property: Id(3)] bool Bound = false)
{
    /// <summary>An operator may register any device.</summary>
    public const string ByOperator = "operator";
}

[GenerateSerializer, Immutable, Alias("fleet.register-device-result")]
public abstract record RegisterDeviceResult
{
    private RegisterDeviceResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.register-device-result.registered")]
    public sealed record Registered([property: Id(0)] bool Created) : RegisterDeviceResult;

    /// <summary>The device is there already and the request does not fit it.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.register-device-result.conflict")]
    public sealed record Conflict([property: Id(0)] string Field, [property: Id(1)] string Detail) : RegisterDeviceResult;

    /// <summary>A value is out of range.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.register-device-result.invalid")]
    public sealed record Invalid([property: Id(0)] string Field, [property: Id(1)] string Detail) : RegisterDeviceResult;
}

/// <summary>A device's MQTT session, as its gateway opened it.</summary>
/// <param name="SessionId">Unique per connection.</param>
/// <param name="GatewayId">The gateway's id: <see cref="Messaging.IGatewayGrain"/>.</param>
/// <param name="RemoteAddress">IP address, without the port.</param>
/// <param name="Epoch">
/// From the client id's <see cref="Messaging.ISessionGrain"/>: of two sessions the one with the higher epoch is the
/// newer, whatever clocks say.
/// </param>
/// <param name="Certificate">That it signed in with.</param>
[GenerateSerializer, Immutable, Alias("fleet.device-session")]
public sealed record DeviceSession(
    [property: Id(0)] string SessionId,
    [property: Id(1)] string GatewayId,
    [property: Id(2)] string RemoteAddress,
    [property: Id(3)] DateTimeOffset ConnectedAt,
    [property: Id(4)] SessionEpoch Epoch,
    [property: Id(5)] CertificateId? Certificate = null);

/// <summary>disconnectReason of spec/aws-iot-topics.md, 5.1.</summary>
[GenerateSerializer, Alias("fleet.disconnect-reason")]
public enum DisconnectReason
{
    ClientInitiatedDisconnect,
    ConnectionLost,
    ClientError,
    DuplicateClientId,
    MqttKeepAliveTimeout,
    ServerInitiatedDisconnect,
    ServerError,
    ForbiddenAccess,

    /// <summary>The gateway's process ended without a word.</summary>
    GatewayLost,
}

[GenerateSerializer, Alias("fleet.connectivity")]
public enum Connectivity
{
    /// <summary>Registered, never seen.</summary>
    Never,
    Connected,
    Disconnected,

    /// <summary>Connected as far as TCP knows, but its declared heartbeat is overdue by 2.5 periods.</summary>
    Stale,
}

/// <summary>What the classic shadow's reported section says: <c>{"firmware":{"version":"1.1.0"},"health":"ok"}</c>.</summary>
/// <param name="Version">Null when the report does not carry it.</param>
/// <param name="Healthy">health == "ok"; null when the report does not carry it.</param>
/// <param name="ShadowVersion">The shadow's version with this report: an older one is late and is dropped.</param>
/// <param name="SessionEpoch">
/// Of the session that the device said it in; null when somebody else wrote it. One of an older session is late and is dropped.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.firmware-report")]
public sealed record FirmwareReport(
    [property: Id(0)] FirmwareVersion? Version,
    [property: Id(1)] bool? Healthy,
    [property: Id(2)] long ShadowVersion,
    [property: Id(3)] DateTimeOffset At,
    [property: Id(4)] SessionEpoch? SessionEpoch = null);

/// <summary>A device as operators see it.</summary>
[GenerateSerializer, Immutable, Alias("fleet.device-view")]
public sealed record DeviceView
{
    [Id(0)] public required ThingName Thing { get; init; }
    [Id(1)] public required ModelName Model { get; init; }
    [Id(2)] public required ImmutableSortedDictionary<string, string> Attributes { get; init; }
    [Id(3)] public required FirmwareVersion? Firmware { get; init; }
    [Id(4)] public required bool? Healthy { get; init; }
    [Id(5)] public required Connectivity Connectivity { get; init; }
    [Id(6)] public required DateTimeOffset? ConnectivityChangedAt { get; init; }
    [Id(7)] public required DisconnectReason? DisconnectReason { get; init; }
    [Id(8)] public required DateTimeOffset? LastSeenAt { get; init; }
    [Id(9)] public required DateTimeOffset RegisteredAt { get; init; }
    [Id(10)] public required ImmutableArray<JobExecution> Jobs { get; init; }
}
