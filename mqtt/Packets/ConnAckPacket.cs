using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.2.</summary>
public readonly ref struct ConnAckPacket
{
    public bool SessionPresent { get; init; }

    /// <summary>Written to a 3.1.1 client as the nearest of its five return codes.</summary>
    public ReasonCode ReasonCode { get; init; }

    public Properties Properties { get; init; }

    public static ConnAckPacket Parse(scoped in Packet packet, MqttVersion version)
    {
        packet.Expect(PacketType.ConnAck);
        var body = packet.ReadBody();
        byte flags = body.ReadByte();
        if (flags > 1) throw Fault.Malformed("reserved flags of CONNACK (3.2.2.1)");
        byte code = body.ReadByte();
        var reason = version == MqttVersion.V5
            ? ReasonCodeRules.Read(code, PacketType.ConnAck) : ReasonCodeRules.FromConnectReturnCode(code);
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, PropertyOwner.ConnAck) : default;
        body.ExpectEnd();
        if (flags != 0 && reason != ReasonCode.Success) throw Fault.Protocol("a refusal says that a session is present (3.2.2.1.1)");
        return new ConnAckPacket { SessionPresent = flags != 0, ReasonCode = reason, Properties = properties };
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version)
    {
        var writer = new PacketWriter(output, PacketWriter.Header(PacketType.ConnAck), 2 + PacketWriter.SizeOf(Properties, version));
        writer.WriteByte(SessionPresent ? (byte)1 : (byte)0);
        writer.WriteByte(version == MqttVersion.V5 ? (byte)ReasonCode : ReasonCodeRules.ToConnectReturnCode(ReasonCode));
        writer.WriteProperties(Properties, version);
        writer.Finish();
    }
}
