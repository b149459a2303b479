using System.Buffers;
using System.Runtime.InteropServices;

namespace Fleet.Mqtt;

/// <summary>
/// SUBACK and UNSUBACK, which share a form: a reason code per filter, in the order of the request. MQTT 5.0, 3.9 and 3.11.
/// </summary>
public readonly ref struct SubAckPacket
{
    /// <summary><see cref="PacketType.SubAck"/> or <see cref="PacketType.UnsubAck"/>.</summary>
    public PacketType Type { get; init; }

    public ushort PacketId { get; init; }
    public Properties Properties { get; init; }

    /// <summary>Written to a 3.1.1 client as 0, 1, 2 or 0x80 in SUBACK; its UNSUBACK carries none.</summary>
    public ReadOnlySpan<ReasonCode> ReasonCodes { get; init; }

    public static SubAckPacket Parse(scoped in Packet packet, MqttVersion version)
    {
        if (packet.Type is not (PacketType.SubAck or PacketType.UnsubAck))
            throw new ArgumentException($"A {packet.Type} packet was parsed as SUBACK.");
        var body = packet.ReadBody();
        ushort packetId = body.ReadPacketId();
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, (PropertyOwner)packet.Type) : default;
        if (version == MqttVersion.V311 && packet.Type == PacketType.UnsubAck)
        {
            body.ExpectEnd();
            return new SubAckPacket { Type = packet.Type, PacketId = packetId };
        }
        if (body.AtEnd) throw Fault.Protocol($"{packet.Type} without a reason code (3.9.3)");
        var codes = body.ReadRest();
        foreach (byte code in codes)
        {
            if (version == MqttVersion.V311 && code is not (<= 2 or 0x80))
                throw Fault.Protocol($"SUBACK return code 0x{code:X2} is reserved (3.1.1, 3.9.3)");
            ReasonCodeRules.Read(code, packet.Type);
        }
        return new SubAckPacket
        {
            Type = packet.Type,
            PacketId = packetId,
            Properties = properties,
            ReasonCodes = MemoryMarshal.Cast<byte, ReasonCode>(codes),
        };
    }

    public void WriteTo(IBufferWriter<byte> output, MqttVersion version)
    {
        bool hasCodes = version == MqttVersion.V5 || Type == PacketType.SubAck;
        int length = 2 + PacketWriter.SizeOf(Properties, version) + (hasCodes ? ReasonCodes.Length : 0);
        var writer = new PacketWriter(output, PacketWriter.Header(Type), length);
        writer.WriteUInt16(PacketId);
        writer.WriteProperties(Properties, version);
        if (hasCodes)
        {
            foreach (var code in ReasonCodes)
                writer.WriteByte(
                    version == MqttVersion.V311 && code >= ReasonCode.UnspecifiedError ? (byte)ReasonCode.UnspecifiedError : (byte)code);
        }
        writer.Finish();
    }
}
