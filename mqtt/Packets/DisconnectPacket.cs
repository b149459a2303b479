using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.14. In 3.1.1 it is empty, and only a client sends it.</summary>
public readonly ref struct DisconnectPacket
{
    public ReasonCode ReasonCode { get; init; }
    public Properties Properties { get; init; }

    /// <exception cref="MqttProtocolException">0x81, 0x82.</exception>
    public static DisconnectPacket Parse(scoped in Packet packet, MqttVersion version, Sender sender)
    {
        packet.Expect(PacketType.Disconnect);
        var body = packet.ReadBody();
        if (version == MqttVersion.V311)
        {
            body.ExpectEnd();
            return default;
        }
        var reason = body.AtEnd ? ReasonCode.Success : ReasonCodeRules.Read(body.ReadByte(), PacketType.Disconnect);
        var properties = body.AtEnd ? default : Properties.Read(ref body, PropertyOwner.Disconnect);
        body.ExpectEnd();
        var foreign = sender == Sender.Server ? PropertyId.SessionExpiryInterval : PropertyId.ServerReference;
        if (properties.Has(foreign)) throw Fault.Protocol($"a {sender} sends no {foreign} in DISCONNECT (3.14.2.2)");
        return new DisconnectPacket { ReasonCode = reason, Properties = properties };
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version) =>
        ReasonAndProperties.Write(output, PacketType.Disconnect, version, ReasonCode, Properties);
}
