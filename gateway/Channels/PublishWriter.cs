using System.Buffers;
using System.Buffers.Binary;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// Writes application messages to one client: in its version, within its Maximum Packet Size, with the topic aliases that it takes. MQTT
/// 5.0, 3.3.
/// </summary>
/// <param name="maxPacketBytes">Fixed header included.</param>
/// <param name="topicAliasMaximum">0: none.</param>
internal sealed class PublishWriter(MqttVersion version, uint maxPacketBytes, int topicAliasMaximum)
{
    private readonly SentAliases _aliases = new(topicAliasMaximum);

    /// <param name="packetId">0 with QoS 0.</param>
    /// <returns>False if it is more than the client takes: then nothing is written [MQTT-3.1.2-24].</returns>
    public bool TryWrite(IBufferWriter<byte> output, in Delivery delivery, ushort packetId, bool duplicate, long now)
    {
        var message = delivery.Message;
        var topic = message.Topic;
        ushort alias = _aliases.Of(topic, out bool isKnown);
        int body = BodyBytes(delivery, isKnown ? 0 : topic.Length, alias, out int properties);
        if (PacketBytes(body) > maxPacketBytes)
        {
            if (alias == 0 || isKnown) return false;
            alias = 0;
            body = BodyBytes(delivery, topic.Length, alias, out properties);
            if (PacketBytes(body) > maxPacketBytes) return false;
        }
        if (isKnown) topic = default;
        else if (alias != 0) _aliases.Add(topic);

        var span = output.GetSpan(PacketBytes(body));
        span[0] = (byte)(((int)PacketType.Publish << 4) | (duplicate ? 8 : 0) | ((int)delivery.Qos << 1) | (delivery.Retain ? 1 : 0));
        int at = 1 + WriteVariableByteInteger(span[1..], body);
        BinaryPrimitives.WriteUInt16BigEndian(span[at..], (ushort)topic.Length);
        topic.CopyTo(span[(at + 2)..]);
        at += 2 + topic.Length;
        if (packetId != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(span[at..], packetId);
            at += 2;
        }
        if (version == MqttVersion.V5)
        {
            at += WriteVariableByteInteger(span[at..], properties);
            message.Properties.Span.CopyTo(span[at..]);
            at += message.Properties.Length;
            at += WriteOwn(span[at..], message, delivery.Identifiers, alias, now);
        }
        message.Payload.Span.CopyTo(span[at..]);
        output.Advance(at + message.Payload.Length);
        return true;
    }

    /// <summary>The properties that are the subscriber's own.</summary>
    private static int WriteOwn(Span<byte> span, Publication message, ReadOnlySpan<byte> identifiers, ushort alias, long now)
    {
        int at = 0;
        if (message.ExpiresAt is { } end)
        {
            // What is left of it [MQTT-3.3.2-6]; never 0, which IsExpired has ruled out.
            span[at] = (byte)PropertyId.MessageExpiryInterval;
            BinaryPrimitives.WriteUInt32BigEndian(span[(at + 1)..], (uint)Math.Clamp((end - now + 999) / 1000, 1, uint.MaxValue));
            at += 5;
        }
        identifiers.CopyTo(span[at..]);
        at += identifiers.Length;
        if (alias != 0)
        {
            span[at] = (byte)PropertyId.TopicAlias;
            BinaryPrimitives.WriteUInt16BigEndian(span[(at + 1)..], alias);
            at += 3;
        }
        return at;
    }

    private int BodyBytes(in Delivery delivery, int topicBytes, ushort alias, out int properties)
    {
        var message = delivery.Message;
        properties = version != MqttVersion.V5 ? 0
            : message.Properties.Length + (message.ExpiresAt is null ? 0 : 5) + (delivery.Identifiers?.Length ?? 0) + (alias == 0 ? 0 : 3);
        return 2 + topicBytes + (delivery.Qos == Qos.AtMostOnce ? 0 : 2) + message.Payload.Length
            + (version == MqttVersion.V5 ? Framing.VariableByteIntegerLength(properties) + properties : 0);
    }

    private static int PacketBytes(int body) => 1 + Framing.VariableByteIntegerLength(body) + body;

    private static int WriteVariableByteInteger(Span<byte> span, int value)
    {
        int at = 0;
        for (; value > 0x7F; value >>= 7) span[at++] = (byte)(value | 0x80);
        span[at++] = (byte)value;
        return at;
    }
}
