using System.Text;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>Writes a server's packets in the client's version and within the client's limits.</summary>
internal sealed class ReplyWriter
{
    private readonly PropertyBuilder _properties = new();

    public MqttVersion Version { get; set; } = MqttVersion.V311;

    /// <summary>The client's Maximum Packet Size, in bytes.</summary>
    public uint MaxPacketBytes { get; set; } = uint.MaxValue;

    /// <summary>The client's Request Problem Information: whether it wants reason strings beside CONNACK and DISCONNECT (5.0, 3.1.2.11.7).</summary>
    public bool SendsReasons { get; set; } = true;

    /// <returns>False if the packet is more than the client takes: then nothing is written, and the connection can only end.</returns>
    public bool ConnAck(IOutbound output, bool sessionPresent, ReasonCode code, Action<PropertyBuilder>? properties, string? reason)
    {
        _properties.Clear();
        if (Version == MqttVersion.V5)
        {
            properties?.Invoke(_properties);
            if (reason is not null) _properties.Add(PropertyId.ReasonString, reason);
        }
        int bytes = 2 + 2 + 3 + _properties.Properties.Bytes.Length;
        if (bytes > MaxPacketBytes) return false;
        new ConnAckPacket { SessionPresent = sessionPresent, ReasonCode = code, Properties = _properties.Properties }.WriteTo(output, Version);
        return true;
    }

    /// <param name="type">PUBACK, PUBREC, PUBREL or PUBCOMP.</param>
    public void Ack(IOutbound output, PacketType type, ushort packetId, ReasonCode code = ReasonCode.Success, string? reason = null) =>
        new AckPacket { Type = type, PacketId = packetId, ReasonCode = code, Properties = Reason(SendsReasons ? reason : null, 8) }.WriteTo(output, Version);

    public void SubAck(IOutbound output, PacketType type, ushort packetId, ReadOnlySpan<ReasonCode> codes, string? reason) =>
        new SubAckPacket { Type = type, PacketId = packetId, ReasonCodes = codes, Properties = Reason(SendsReasons ? reason : null, 10 + codes.Length) }
            .WriteTo(output, Version);

    /// <summary>A 3.1.1 server closes without a word.</summary>
    public void Disconnect(IOutbound output, ReasonCode code, string? reason)
    {
        if (Version != MqttVersion.V5 || MaxPacketBytes < 4) return;
        new DisconnectPacket { ReasonCode = code, Properties = Reason(reason, 8) }.WriteTo(output, Version);
    }

    /// <summary>The reason string, unless it would make the packet larger than the client takes [MQTT-3.4.2-2].</summary>
    private Properties Reason(string? reason, int otherBytes)
    {
        _properties.Clear();
        if (reason is not null && Version == MqttVersion.V5 && otherBytes + 6 + Encoding.UTF8.GetByteCount(reason) <= MaxPacketBytes)
            _properties.Add(PropertyId.ReasonString, reason);
        return _properties.Properties;
    }
}
