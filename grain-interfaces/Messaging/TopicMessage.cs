namespace Fleet.Interfaces.Messaging;

/// <summary>An application message that the service itself publishes: an ordinary broker message, QoS 1, not retained.</summary>
/// <param name="Topic">Topic name, complete.</param>
/// <param name="Payload">Payload bytes, at most 128 KiB.</param>
[GenerateSerializer, Immutable, Alias("fleet.topic-message")]
public sealed record TopicMessage([property: Id(0)] string Topic, [property: Id(1)] ReadOnlyMemory<byte> Payload);
