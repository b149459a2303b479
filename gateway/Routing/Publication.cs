using System.Buffers;
using System.Buffers.Binary;
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

    /// <summary>Length of the PUBLISH as <see cref="WriteTo"/> writes it, in bytes.</summary>
    public int PacketBytes(MqttVersion version, Qos qos)
    {
        int body = BodyBytes(version, qos);
        return 1 + Framing.VariableByteIntegerLength(body) + body;
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version, Qos qos, bool retain, bool duplicate, ushort packetId, long now)
    {
        int body = BodyBytes(version, qos);
        var payload = Payload.Span;
        var span = output.GetSpan(1 + Framing.VariableByteIntegerLength(body) + body);
        span[0] = (byte)(((int)PacketType.Publish << 4) | (duplicate ? 8 : 0) | ((int)qos << 1) | (retain ? 1 : 0));
        int at = 1 + WriteVariableByteInteger(span[1..], body);
        BinaryPrimitives.WriteUInt16BigEndian(span[at..], (ushort)_topic.Length);
        _topic.Span.CopyTo(span[(at + 2)..]);
        at += 2 + _topic.Length;
        if (qos != Qos.AtMostOnce)
        {
            BinaryPrimitives.WriteUInt16BigEndian(span[at..], packetId);
            at += 2;
        }
        if (version == MqttVersion.V5)
        {
            at += WriteVariableByteInteger(span[at..], PropertyBytes);
            _properties.Span.CopyTo(span[at..]);
            at += _properties.Length;
            if (ExpiresAt is { } end)
            {
                // What is left of it [MQTT-3.3.2-6]; never 0, which the sender of the packet has ruled out by IsExpired.
                span[at] = (byte)PropertyId.MessageExpiryInterval;
                BinaryPrimitives.WriteUInt32BigEndian(span[(at + 1)..], (uint)Math.Clamp((end - now + 999) / 1000, 1, uint.MaxValue));
                at += 5;
            }
        }
        payload.CopyTo(span[at..]);
        output.Advance(at + payload.Length);
    }

    /// <summary>Its memory may be used again: nobody will send it any more. For messages that have a single subscriber.</summary>
    public virtual void Release()
    {
    }

    private int PropertyBytes => _properties.Length + (ExpiresAt is null ? 0 : 5);

    private int BodyBytes(MqttVersion version, Qos qos) =>
        2 + _topic.Length + (qos == Qos.AtMostOnce ? 0 : 2) + Payload.Length
        + (version == MqttVersion.V5 ? Framing.VariableByteIntegerLength(PropertyBytes) + PropertyBytes : 0);

    private static int WriteVariableByteInteger(Span<byte> span, int value)
    {
        int at = 0;
        for (; value > 0x7F; value >>= 7) span[at++] = (byte)(value | 0x80);
        span[at++] = (byte)value;
        return at;
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
