using System.Buffers;
using Fleet.Gateway.Durable;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>
/// An application message on its way: made once, shared by all its subscribers, never changed. Each subscriber's PUBLISH differs only
/// in its header, packet identifier and what is left of the message expiry.
/// </summary>
internal class Publication
{
    private readonly ReadOnlyMemory<byte> _topic, _properties;

    public Publication(ReadOnlyMemory<byte> topic, ReadOnlyMemory<byte> payload, Qos qos, bool retain = false,
        ReadOnlyMemory<byte> properties = default, long? expiresAt = null)
    {
        _topic = topic;
        _properties = properties;
        Payload = payload;
        Qos = qos;
        Retain = retain;
        ExpiresAt = expiresAt;
    }

    /// <summary>Topic name, UTF-8.</summary>
    public ReadOnlySpan<byte> Topic => _topic.Span;
    public ReadOnlyMemory<byte> TopicBytes => _topic;
    public ReadOnlyMemory<byte> Payload { get; }
    public Qos Qos { get; }

    /// <summary>As the publisher set it.</summary>
    public bool Retain { get; }

    /// <summary>The MQTT 5 properties that are passed on unaltered, as encoded; without expiry.</summary>
    public ReadOnlyMemory<byte> Properties => _properties;

    /// <summary>On the gateway's monotonic clock, milliseconds; null: never.</summary>
    public long? ExpiresAt { get; }

    /// <summary>Given when it leaves for another gateway, before anybody here gets it: unique in the cluster. 0 while it is known to this gateway alone.</summary>
    public long Number { get; set; }

    /// <summary>Of a retained message: its version in the store; 0 while it is not stored.</summary>
    public long StoredVersion { get; set; }

    /// <summary>Where it is in the store, as long as a persistent session is owed it. Kept by the journal, under its lock.</summary>
    public StoredMessage? Stored { get; set; }

    public bool IsExpired(long now) => ExpiresAt <= now;

    /// <summary>Copies what a packet borrows; the copy is one array.</summary>
    /// <param name="topic">Of the packet, or what its alias stands for.</param>
    /// <param name="forwarded">The packet's properties to pass on, as encoded.</param>
    public static Publication Copy(ReadOnlySpan<byte> topic, in ReadOnlySequence<byte> payload, Qos qos, bool retain,
        ReadOnlySpan<byte> forwarded, long? expiresAt)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(topic.Length + forwarded.Length + (int)payload.Length);
        topic.CopyTo(bytes);
        forwarded.CopyTo(bytes.AsSpan(topic.Length));
        payload.CopyTo(bytes.AsSpan(topic.Length + forwarded.Length));
        return new Publication(
            bytes.AsMemory(0, topic.Length), bytes.AsMemory(topic.Length + forwarded.Length), qos, retain,
            bytes.AsMemory(topic.Length, forwarded.Length), expiresAt);
    }

    /// <summary>Its memory may be used again: nobody will send it any more. For messages that have a single subscriber.</summary>
    public virtual void Release()
    {
    }
}

/// <summary>A message of one subscriber, in memory of the pool: a block of firmware.</summary>
internal sealed class PooledPublication : Publication
{
    private byte[]? _rented;

    /// <param name="rented">From <see cref="ArrayPool{T}.Shared"/>, holding the payload from its start; this message returns it.</param>
    public PooledPublication(ReadOnlyMemory<byte> topic, byte[] rented, int length, Qos qos)
        : base(topic, rented.AsMemory(0, length), qos) => _rented = rented;

    public override void Release()
    {
        if (Interlocked.Exchange(ref _rented, null) is { } rented) ArrayPool<byte>.Shared.Return(rented);
    }
}
