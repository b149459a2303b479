using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>Enhanced authentication. MQTT 5.0, 3.15.</summary>
public readonly ref struct AuthPacket
{
    public ReasonCode ReasonCode { get; init; }
    public Properties Properties { get; init; }

    /// <exception cref="MqttProtocolException">0x81, 0x82.</exception>
    public static AuthPacket Parse(scoped in Packet packet)
    {
        packet.Expect(PacketType.Auth);
        var body = packet.ReadBody();
        var reason = body.AtEnd ? ReasonCode.Success : ReasonCodeRules.Read(body.ReadByte(), PacketType.Auth);
        var properties = body.AtEnd ? default : Properties.Read(ref body, PropertyOwner.Auth);
        body.ExpectEnd();
        if (!properties.Has(PropertyId.AuthenticationMethod)) throw Fault.Protocol("AUTH without an authentication method (3.15.2.2.2)");
        return new AuthPacket { ReasonCode = reason, Properties = properties };
    }

    public void WriteTo(IBufferWriter<byte> output) =>
        ReasonAndProperties.Write(output, PacketType.Auth, MqttVersion.V5, ReasonCode, Properties);
}
