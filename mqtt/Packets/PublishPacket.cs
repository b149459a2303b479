using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.3.</summary>
public readonly ref struct PublishPacket
{
    /// <summary>Packets up to this size are written in one piece.</summary>
    private const int MaxInOnePieceBytes = 2048;

    public bool Duplicate { get; init; }
    public Qos Qos { get; init; }
    public bool Retain { get; init; }

    /// <summary>UTF-8, a valid topic name; empty if a topic alias stands for it (5.0).</summary>
    public ReadOnlySpan<byte> Topic { get; init; }

    /// <summary>0 with QoS 0.</summary>
    public ushort PacketId { get; init; }

    public Properties Properties { get; init; }
    public ReadOnlySequence<byte> Payload { get; init; }

    /// <exception cref="MqttProtocolException">0x81, 0x82; 0x94 for topic alias 0.</exception>
    public static PublishPacket Parse(scoped in Packet packet, MqttVersion version, Sender sender)
    {
        packet.Expect(PacketType.Publish);
        var qos = (Qos)((packet.Header >> 1) & 3);
        var front = packet.Body.IsSingleSegment ? packet.Body.FirstSpan : FrontOf(packet, qos, version);
        var body = new BodyReader(front);
        var topic = body.ReadUtf8();
        ushort packetId = qos == Qos.AtMostOnce ? (ushort)0 : body.ReadPacketId();
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, PropertyOwner.Publish) : default;
        CheckTopic(topic, properties, version);
        if (sender == Sender.Client && !properties.IsEmpty && properties.Has(PropertyId.SubscriptionIdentifier))
            throw Fault.Protocol("a client sends no subscription identifier in PUBLISH (3.3.4)");
        return new PublishPacket
        {
            Duplicate = (packet.Header & 0x08) != 0,
            Qos = qos,
            Retain = (packet.Header & 0x01) != 0,
            Topic = topic,
            PacketId = packetId,
            Properties = properties,
            Payload = packet.Body.Slice(front.Length - body.Remaining),
        };
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version)
    {
        long length = BodyLength(version);
        if (length > Framing.MaxVariableByteInteger) throw new ArgumentException($"A packet of {length} bytes cannot be written (1.5.5).");
        int later = length <= MaxInOnePieceBytes ? 0 : (int)Payload.Length;
        var writer = new PacketWriter(output, Header, (int)length, later);
        writer.WriteBinary(Topic);
        if (Qos != Qos.AtMostOnce) writer.WriteUInt16(PacketId);
        writer.WriteProperties(Properties, version);
        if (later == 0)
        {
            foreach (var piece in Payload) writer.WriteBytes(piece.Span);
            writer.Finish();
            return;
        }
        writer.Finish();
        foreach (var piece in Payload) output.Write(piece.Span);
    }

    /// <summary>Bytes this packet takes, fixed header included: to compare with the receiver's Maximum Packet Size.</summary>
    public long SizeIn(MqttVersion version)
    {
        long length = BodyLength(version);
        return 1 + Framing.VariableByteIntegerLength((int)Math.Min(length, Framing.MaxVariableByteInteger)) + length;
    }

    private long BodyLength(MqttVersion version) =>
        2 + Topic.Length + (Qos == Qos.AtMostOnce ? 0 : 2) + PacketWriter.SizeOf(Properties, version) + Payload.Length;

    private byte Header => PacketWriter.Header(PacketType.Publish, (Duplicate ? 8 : 0) | ((int)Qos << 1) | (Retain ? 1 : 0));

    private static void CheckTopic(ReadOnlySpan<byte> topic, Properties properties, MqttVersion version)
    {
        if (topic.IsEmpty)
        {
            if (version == MqttVersion.V311) throw Fault.Malformed("an empty topic name (4.7.3)");
            if (!properties.Has(PropertyId.TopicAlias)) throw Fault.Protocol("an empty topic name without a topic alias (3.3.2.1)");
        }
        else if (topic.ContainsAny((byte)'+', (byte)'#'))
        {
            throw Fault.Malformed("wildcards in a topic name (3.3.2.1)");
        }
    }

    /// <summary>The variable header of a PUBLISH that spans several buffers, in one piece: the payload stays where it is.</summary>
    private static ReadOnlySpan<byte> FrontOf(scoped in Packet packet, Qos qos, MqttVersion version)
    {
        var body = packet.Body;
        var reader = new SequenceReader<byte>(body);
        long length = 2 + (qos == Qos.AtMostOnce ? 0 : 2);
        if (reader.TryReadBigEndian(out short topicLength)) length += (ushort)topicLength;
        if (version == MqttVersion.V5 && length < body.Length)
        {
            reader.Advance(length - 2);
            int properties = 0;
            for (int shift = 0; shift < 28 && reader.TryRead(out byte b); shift += 7)
            {
                length++;
                properties |= (b & 0x7F) << shift;
                if ((b & 0x80) == 0) break;
            }
            length += properties;
        }
        // Too long a field ends the packet here, and the reader of the fields says which it was.
        length = Math.Min(length, body.Length);
        return length <= body.FirstSpan.Length ? body.FirstSpan[..(int)length] : packet.Front(length);
    }
}
