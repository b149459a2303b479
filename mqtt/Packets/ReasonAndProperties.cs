using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>The body that DISCONNECT and AUTH share: both parts may be left out from the end. MQTT 5.0, 3.14.2.</summary>
internal static class ReasonAndProperties
{
    public static void Write(IBufferWriter<byte> output, PacketType type, MqttVersion version, ReasonCode reason, Properties properties)
    {
        bool hasProperties = version == MqttVersion.V5 && !properties.IsEmpty;
        bool hasReason = hasProperties || (version == MqttVersion.V5 && reason != ReasonCode.Success);
        int length = (hasReason ? 1 : 0) + (hasProperties ? PacketWriter.SizeOf(properties, version) : 0);
        var writer = new PacketWriter(output, PacketWriter.Header(type), length);
        if (hasReason) writer.WriteByte((byte)reason);
        if (hasProperties) writer.WriteProperties(properties, version);
        writer.Finish();
    }
}
