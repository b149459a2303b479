using System.Text;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>Writes a server's packets in the client's version and within the client's limits.</summary>
/// <param name="reveals">See <see cref="ChannelOptions.RevealReasons"/>.</param>
internal sealed class ReplyWriter(bool reveals)
{
    public MqttVersion Version { get; set; } = MqttVersion.V311;

    /// <summary>The client's Maximum Packet Size, in bytes.</summary>
    public uint MaxPacketBytes { get; set; } = uint.MaxValue;

    /// <summary>
    /// The client's Request Problem Information: whether it wants reason strings beside CONNACK and DISCONNECT [MQTT-3.1.2-29].
    /// </summary>
    public bool WantsReasons { get; set; } = true;

    /// <summary>A packet was written after which the client has to close the connection.</summary>
    public bool HasSaidLastWords { get; private set; }

    /// <returns>False if the packet is more than the client takes: then nothing is written, and the connection can only end.</returns>
    public bool ConnAck(IOutbound output, bool sessionPresent, ReasonCode code, Action<PropertyBuilder>? properties, string? reason)
    {
        var said = new PropertyBuilder();
        if (Version == MqttVersion.V5)
        {
            properties?.Invoke(said);
            if (reason is not null && reveals && ConnAckBytes(said) + 5 + Encoding.UTF8.GetByteCount(reason) <= MaxPacketBytes)
                said.Add(PropertyId.ReasonString, reason);
        }
        if (ConnAckBytes(said) > MaxPacketBytes) return false;
        HasSaidLastWords = code >= ReasonCode.UnspecifiedError;
        new ConnAckPacket { SessionPresent = sessionPresent, ReasonCode = code, Properties = said.Properties }.WriteTo(output, Version);
        return true;
    }

    /// <summary>
    /// At most, with the properties so far: lengths above 127 take a second byte, and more than 16,383 bytes are never said here.
    /// </summary>
    private static int ConnAckBytes(PropertyBuilder said) => said.Properties.Bytes.Length + (said.Properties.Bytes.Length < 120 ? 5 : 7);

    /// <param name="type">PUBACK, PUBREC, PUBREL or PUBCOMP.</param>
    public void Ack(IOutbound output, PacketType type, ushort packetId, ReasonCode code = ReasonCode.Success, string? reason = null)
    {
        if (MaxPacketBytes < 5) return;
        new AckPacket { Type = type, PacketId = packetId, ReasonCode = Reveal(code), Properties = Reason(WantsReasons ? reason : null, 8) }
            .WriteTo(output, Version);
    }

    /// <summary>What the client takes no packet for is not sent [MQTT-3.1.2-24].</summary>
    public void SubAck(IOutbound output, PacketType type, ushort packetId, Span<ReasonCode> codes, string? reason)
    {
        if (MaxPacketBytes < 8 + codes.Length) return;
        foreach (ref var code in codes) code = Reveal(code);
        var properties = Reason(WantsReasons ? reason : null, 10 + codes.Length);
        new SubAckPacket { Type = type, PacketId = packetId, ReasonCodes = codes, Properties = properties }.WriteTo(output, Version);
    }

    /// <summary>A 3.1.1 server closes without a word.</summary>
    public void Disconnect(IOutbound output, ReasonCode code, string? reason)
    {
        if (Version != MqttVersion.V5 || MaxPacketBytes < 4) return;
        HasSaidLastWords = true;
        new DisconnectPacket { ReasonCode = code, Properties = Reason(reason, 8) }.WriteTo(output, Version);
    }

    private ReasonCode Reveal(ReasonCode code) => code == ReasonCode.NotAuthorized && !reveals ? ReasonCode.UnspecifiedError : code;

    /// <summary>The reason string, unless it would make the packet larger than the client takes [MQTT-3.4.2-2].</summary>
    private Properties Reason(string? reason, int otherBytes)
    {
        bool fits = reason is not null && reveals && Version == MqttVersion.V5
            && otherBytes + 6 + Encoding.UTF8.GetByteCount(reason) <= MaxPacketBytes;
        return fits ? new PropertyBuilder().Add(PropertyId.ReasonString, reason!).Properties : default;
    }
}
