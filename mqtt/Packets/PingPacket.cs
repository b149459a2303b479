using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>PINGREQ and PINGRESP: a header and nothing else. MQTT 5.0, 3.12 and 3.13.</summary>
public static class PingPacket
{
    public static void WriteRequestTo(IBufferWriter<byte> output) => output.Write<byte>([(byte)((int)PacketType.PingReq << 4), 0]);

    public static void WriteResponseTo(IBufferWriter<byte> output) => output.Write<byte>([(byte)((int)PacketType.PingResp << 4), 0]);
}
