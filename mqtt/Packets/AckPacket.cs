using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>PUBACK, PUBREC, PUBREL and PUBCOMP, which share a form. MQTT 5.0, 3.4 to 3.7.</summary>
public readonly ref struct AckPacket
{
    public PacketType Type { get; init; }
    public ushort PacketId { get; init; }

    /// <summary>5.0 only.</summary>
    public ReasonCode ReasonCode { get; init; }

    public Properties Properties { get; init; }

    public static AckPacket Parse(scoped in Packet packet, MqttVersion version)
    {
        if (packet.Type is not (PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp))
            throw new ArgumentException($"A {packet.Type} packet was parsed as an acknowledgement.");
        var body = packet.ReadBody();
        ushort packetId = body.ReadPacketId();
        var reason = ReasonCode.Success;
        Properties properties = default;
        if (version == MqttVersion.V5 && !body.AtEnd)
        {
            reason = ReasonCodeRules.Read(body.ReadByte(), packet.Type);
            if (!body.AtEnd) properties = Properties.Read(ref body, (PropertyOwner)packet.Type);
        }
        body.ExpectEnd();
        return new AckPacket { Type = packet.Type, PacketId = packetId, ReasonCode = reason, Properties = properties };
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version)
    {
        bool hasProperties = version == MqttVersion.V5 && !Properties.IsEmpty;
        bool hasReason = hasProperties || (version == MqttVersion.V5 && ReasonCode != ReasonCode.Success);
        int length = 2 + (hasReason ? 1 : 0) + (hasProperties ? PacketWriter.SizeOf(Properties, version) : 0);
        var writer = new PacketWriter(output, PacketWriter.Header(Type, Type == PacketType.PubRel ? 2 : 0), length);
        writer.WriteUInt16(PacketId);
        if (hasReason) writer.WriteByte((byte)ReasonCode);
        if (hasProperties) writer.WriteProperties(Properties, version);
        writer.Finish();
    }
}
