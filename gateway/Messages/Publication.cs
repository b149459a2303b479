using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.Gateway.Messages;

/// <summary>Unique in the cluster: a message that reaches a session by two roads is known by it.</summary>
internal readonly record struct MessageNumber(long Value);

/// <summary>
/// An application message on its way: made once, shared by all its subscribers, never changed. Each subscriber's PUBLISH differs only
/// in its header, packet identifier and what is left of the message expiry.
/// </summary>
internal class Publication
{
    private ReadOnlyMemory<byte> _topic, _properties;

    public Publication(ReadOnlyMemory<byte> topic, ReadOnlyMemory<byte> payload, Qos qos, bool retain = false,
        ReadOnlyMemory<byte> properties = default, long? expiresAt = null)
    {
        Set(topic, payload, properties, qos, expiresAt);
        Retain = retain;
    }

    protected Publication()
    {
    }

    /// <summary>Topic name, UTF-8.</summary>
    public ReadOnlySpan<byte> Topic => _topic.Span;
    public ReadOnlyMemory<byte> TopicBytes => _topic;
    public ReadOnlyMemory<byte> Payload { get; private set; }
    public Qos Qos { get; private set; }

    /// <summary>As the publisher set it.</summary>
    public bool Retain { get; private init; }

    /// <summary>The MQTT 5 properties that are passed on unaltered, as encoded; without expiry.</summary>
    public ReadOnlyMemory<byte> Properties => _properties;

    /// <summary>On the gateway's monotonic clock, milliseconds; null: never.</summary>
    public long? ExpiresAt { get; private set; }

    /// <summary>
    /// Given when it leaves for another gateway, before anybody here gets it. Null while it is known to this gateway alone.
    /// </summary>
    public MessageNumber? Number { get; set; }

    /// <summary>What the journal notes of it, as long as a persistent session is owed it. The journal's own, under its lock.</summary>
    public object? InJournal { get; set; }

    public bool IsExpired(long now) => ExpiresAt <= now;

    /// <summary>Copies what a packet borrows; the copy is one array.</summary>
    /// <param name="topic">Of the packet, or what its alias stands for.</param>
    /// <param name="forwarded">The packet's properties to pass on, as encoded.</param>
    public static Publication Copy(ReadOnlySpan<byte> topic, in ReadOnlySequence<byte> payload, Qos qos, bool retain,
        ReadOnlySpan<byte> forwarded, long? expiresAt)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(topic.Length + forwarded.Length + (int)payload.Length);
        var message = new Publication { Retain = retain };
        message.Fill(bytes, topic, payload, qos, forwarded, expiresAt);
        return message;
    }

    /// <summary>One more has it and will <see cref="Release"/> it. Only who has it, or is being handed it, may say so.</summary>
    public virtual void Hold()
    {
    }

    /// <summary>One less has it.</summary>
    public virtual void Release()
    {
    }

    /// <summary>Somebody has it who will not say when he is done: it is the garbage collector's from now on.</summary>
    public virtual void Keep()
    {
    }

    protected void Set(ReadOnlyMemory<byte> topic, ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> properties, Qos qos, long? expiresAt)
    {
        _topic = topic;
        _properties = properties;
        Payload = payload;
        Qos = qos;
        ExpiresAt = expiresAt;
    }

    protected void Fill(
        byte[] bytes, ReadOnlySpan<byte> topic, in ReadOnlySequence<byte> payload, Qos qos, ReadOnlySpan<byte> forwarded, long? expiresAt)
    {
        int payloadAt = topic.Length + forwarded.Length;
        topic.CopyTo(bytes);
        forwarded.CopyTo(bytes.AsSpan(topic.Length));
        payload.CopyTo(bytes.AsSpan(payloadAt));
        Set(
            bytes.AsMemory(0, topic.Length), bytes.AsMemory(payloadAt, (int)payload.Length), bytes.AsMemory(topic.Length, forwarded.Length),
            qos, expiresAt);
    }
}

/// <summary>What is published if a connection ends without DISCONNECT. MQTT 5.0, 3.1.2.5.</summary>
/// <param name="ExpirySeconds">Message expiry, counted from its publication.</param>
internal sealed record Will(Publication Message, uint DelaySeconds, uint? ExpirySeconds)
{
    /// <summary>When it is due, on the monotonic clock; null while the connection lives.</summary>
    public long? DueAt { get; init; }

    public Publication At(long now) => ExpirySeconds is not { } seconds ? Message
        : new Publication(
            Message.Topic.ToArray(), Message.Payload, Message.Qos, Message.Retain, Message.Properties, now + (seconds * 1000L));
}
