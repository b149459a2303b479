namespace Fleet.Gateway.Retained;

/// <param name="Topic">Topic name.</param>
/// <param name="Payload">Payload, never empty: an empty one deletes [MQTT-3.3.1-6].</param>
/// <param name="Qos">0 or 1.</param>
/// <param name="Properties">The MQTT 5 application properties as they were encoded, without expiry; empty for none.</param>
public sealed record RetainedMessage(string Topic, ReadOnlyMemory<byte> Payload, byte Qos, ReadOnlyMemory<byte> Properties, DateTimeOffset StoredAt, DateTimeOffset? ExpiresAt);

/// <summary>Keeps retained messages through a restart.</summary>
public interface IRetainedStore
{
    IAsyncEnumerable<RetainedMessage> Load(CancellationToken cancellation);

    /// <summary>Returns when the message is durable.</summary>
    Task Set(RetainedMessage message, CancellationToken cancellation);

    Task Delete(string topic, CancellationToken cancellation);
}
