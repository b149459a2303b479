using System.Buffers;

namespace Fleet.Mqtt;

public static class Framing
{
    /// <summary>The fixed header at its longest: type and flags, then a length of four bytes.</summary>
    public const int MaxFixedHeaderBytes = 5;

    /// <summary>The largest number that a variable byte integer holds, and so the longest body. MQTT 5.0, 1.5.5.</summary>
    public const int MaxVariableByteInteger = 268_435_455;

    /// <summary>Cuts one MQTT control packet (fixed header, then body) off the front of <paramref name="buffer"/>.</summary>
    /// <param name="maxPacketBytes">Largest packet accepted, in bytes, fixed header included.</param>
    /// <param name="scratch">Where straddling packets are joined; without it they are copied to an array of their own.</param>
    /// <returns>False if more bytes are needed; <paramref name="buffer"/> is then as it was.</returns>
    /// <exception cref="MqttProtocolException">
    /// 0x81 malformed header, 0x82 reserved type, 0x95 packet too large. MQTT 5.0, 2.1 and 4.13.
    /// </exception>
    public static bool TryRead(
        scoped ref ReadOnlySequence<byte> buffer, int maxPacketBytes, out Packet packet, PacketScratch? scratch = null)
    {
        packet = default;
        scoped ReadOnlySpan<byte> front = buffer.FirstSpan;
        if (front.Length < MaxFixedHeaderBytes && !buffer.IsSingleSegment)
        {
            var start = buffer.Slice(0, Math.Min(MaxFixedHeaderBytes, buffer.Length));
            Span<byte> joined = stackalloc byte[(int)start.Length];
            start.CopyTo(joined);
            front = joined;
        }
        if (front.IsEmpty) return false;
        byte header = front[0];
        CheckFlags(header);
        if (!TryReadLength(front[1..], out int length, out int lengthBytes)) return false;
        // Judge the declared length before waiting for the body: a five-byte header must not reserve 256 MiB.
        if (length > maxPacketBytes - 1 - lengthBytes)
            throw new MqttProtocolException(
                ReasonCode.PacketTooLarge, $"A packet of {length} bytes is over the limit of {maxPacketBytes} (3.1.2.11.4).");
        if (length != 0 && ((PacketType)(header >> 4) is PacketType.PingReq or PacketType.PingResp))
            throw Fault.Malformed("a ping has no body (3.12)");
        long total = 1L + lengthBytes + length;
        if (buffer.Length < total) return false;
        packet = new Packet(header, buffer.Slice(1 + lengthBytes, length), scratch);
        buffer = buffer.Slice(packet.Body.End);
        return true;
    }

    /// <summary>Bytes that <paramref name="value"/> takes as a variable byte integer: 1 to 4.</summary>
    public static int VariableByteIntegerLength(int value) => value switch
    {
        < 128 => 1,
        < 16_384 => 2,
        < 2_097_152 => 3,
        _ => 4,
    };

    /// <summary>Flags are fixed for all packets but PUBLISH. MQTT 5.0, 2.1.3.</summary>
    private static void CheckFlags(byte header)
    {
        int flags = header & 0x0F;
        switch ((PacketType)(header >> 4))
        {
            case 0:
                throw Fault.Protocol("packet type 0 is reserved (2.1.2)");
            case PacketType.Publish:
                if ((flags & 0b0110) == 0b0110) throw Fault.Malformed("QoS 3 in PUBLISH (3.3.1.2)");
                if ((flags & 0b1110) == 0b1000) throw Fault.Malformed("DUP with QoS 0 in PUBLISH (3.3.1.1)");
                break;
            case PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe:
                if (flags != 0b0010) throw Fault.Malformed("the flags of PUBREL, SUBSCRIBE and UNSUBSCRIBE are 2 (2.1.3)");
                break;
            default:
                if (flags != 0) throw Fault.Malformed("reserved flags in the fixed header (2.1.3)");
                break;
        }
    }

    private static bool TryReadLength(ReadOnlySpan<byte> bytes, out int value, out int length)
    {
        value = 0;
        length = 0;
        foreach (byte b in bytes)
        {
            value |= (b & 0x7F) << (7 * length++);
            if ((b & 0x80) == 0)
            {
                if (b == 0 && length > 1) throw Fault.Malformed("a length takes more bytes than it needs (1.5.5)");
                return true;
            }
            if (length == 4) throw Fault.Malformed("a length of more than four bytes (1.5.5)");
        }
        return false;
    }
}
