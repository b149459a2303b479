namespace Fleet.Mqtt;

/// <summary>
/// An application message to publish. The members after <see cref="Retain"/> exist in 5.0 only and are left out for 3.1.1.
/// </summary>
public sealed record MqttMessage
{
    public required string Topic { get; init; }
    public ReadOnlyMemory<byte> Payload { get; init; }
    public Qos Qos { get; init; }
    public bool Retain { get; init; }

    /// <summary>Payload Format Indicator 1.</summary>
    public bool PayloadIsUtf8 { get; init; }

    public uint? MessageExpirySeconds { get; init; }
    public string? ContentType { get; init; }
    public string? ResponseTopic { get; init; }
    public ReadOnlyMemory<byte>? CorrelationData { get; init; }
    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];
}

/// <summary>What the server publishes if the connection ends without DISCONNECT. MQTT 5.0, 3.1.2.5.</summary>
/// <param name="DelaySeconds">Seconds the server waits before it publishes the will. 5.0 only.</param>
public sealed record MqttWill(MqttMessage Message, uint DelaySeconds = 0);

/// <summary>An application message that arrived. It owns its memory: keep it as long as you like.</summary>
public sealed record IncomingMessage
{
    public required string Topic { get; init; }
    public required ReadOnlyMemory<byte> Payload { get; init; }
    public required Qos Qos { get; init; }
    public required bool Retain { get; init; }

    /// <summary>The DUP flag: the server may have sent this before.</summary>
    public bool Duplicate { get; init; }

    public bool PayloadIsUtf8 { get; init; }
    public uint? MessageExpirySeconds { get; init; }
    public string? ContentType { get; init; }
    public string? ResponseTopic { get; init; }
    public ReadOnlyMemory<byte>? CorrelationData { get; init; }
    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];

    /// <summary>Identifiers of the subscriptions that matched, 1 to 268,435,455.</summary>
    public IReadOnlyList<uint> SubscriptionIds { get; init; } = [];
}
