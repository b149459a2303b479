namespace Fleet.Mqtt;

/// <summary>
/// What the server's CONNACK said. The members after <see cref="ReasonCode"/> come from 5.0; under 3.1.1 they have the defaults of 5.0.
/// </summary>
public sealed record ConnectResult
{
    public required bool SessionPresent { get; init; }
    public required ReasonCode ReasonCode { get; init; }
    public string? ReasonString { get; init; }
    public string? AssignedClientId { get; init; }

    /// <summary>Overrides <see cref="MqttClientOptions.KeepAlive"/>.</summary>
    public TimeSpan? ServerKeepAlive { get; init; }

    public uint? SessionExpirySeconds { get; init; }
    public ushort ReceiveMaximum { get; init; } = 65_535;
    public Qos MaximumQos { get; init; } = Qos.ExactlyOnce;
    public bool RetainAvailable { get; init; } = true;
    public uint? MaximumPacketBytes { get; init; }
    public ushort TopicAliasMaximum { get; init; }
    public bool WildcardSubscriptionsAvailable { get; init; } = true;
    public bool SharedSubscriptionsAvailable { get; init; } = true;
    public string? ServerReference { get; init; }
}

public enum CloseCause
{
    /// <summary><see cref="MqttClient.DisconnectAsync"/> or disposal.</summary>
    DisconnectedByClient,

    /// <summary>A 5.0 server sent DISCONNECT; the reason code says why.</summary>
    DisconnectedByServer,

    /// <summary><see cref="MqttClient.Abort"/>.</summary>
    Aborted,

    /// <summary>The transport ended or failed, the server fell silent or broke the protocol, or the message handler threw.</summary>
    ConnectionLost,
}

/// <summary>Why a connection is over.</summary>
/// <param name="ReasonCode">Of the DISCONNECT that ended it, whoever sent it.</param>
/// <param name="Error">What failed, if something did.</param>
public sealed record ClientClosed(CloseCause Cause, ReasonCode? ReasonCode = null, Exception? Error = null);
