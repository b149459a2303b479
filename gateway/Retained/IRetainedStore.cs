namespace Fleet.Gateway.Retained;

/// <param name="Topic">Topic name.</param>
/// <param name="Payload">Payload; empty only in a tombstone, which is what a deletion leaves [MQTT-3.3.1-6].</param>
/// <param name="Qos">0 or 1.</param>
/// <param name="Properties">The MQTT 5 application properties as they were encoded, without expiry; empty for none.</param>
public sealed record RetainedMessage(
    string Topic, ReadOnlyMemory<byte> Payload, byte Qos, ReadOnlyMemory<byte> Properties, DateTimeOffset StoredAt,
    DateTimeOffset? ExpiresAt)
{
    /// <summary>Whose share it counts towards; null: nobody's, as what was stored before there were shares.</summary>
    public string? Principal { get; init; }

    /// <summary>From the store: it grows with each change of any topic. 0 in a message that was not stored yet.</summary>
    public long Version { get; init; }

    /// <summary>The topic has no retained message any more.</summary>
    public bool IsTombstone => Payload.IsEmpty;
}

/// <summary>
/// Keeps retained messages through a restart, and orders their changes for all gateways that share the store: each change takes a version
/// of its own, and whoever has seen all up to one version asks for what came after.
/// </summary>
public interface IRetainedStore
{
    /// <summary>
    /// The changes after a version, tombstones included, in the order of their versions; 0 for all. A change whose write is not yet
    /// committed may be missing although one with a higher version is there: callers ask again from somewhat before the last version they
    /// saw.
    /// </summary>
    IAsyncEnumerable<RetainedMessage> Load(long afterVersion, CancellationToken cancellation);

    /// <summary>Returns the change's version when the message is durable.</summary>
    Task<long> Set(RetainedMessage message, CancellationToken cancellation);

    /// <summary>Leaves a tombstone, which the store may prune after a day. Returns its version when it is durable.</summary>
    Task<long> Delete(string topic, CancellationToken cancellation);
}
