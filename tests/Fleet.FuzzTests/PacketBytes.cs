using System.Text;

namespace Fleet.FuzzTests;

/// <summary>A packet body under construction. Nothing of Fleet's codec is in it: what is tested does not write its own questions.</summary>
internal sealed class PacketBytes
{
    private readonly List<byte> _bytes = [];

    public PacketBytes Byte(int value)
    {
        _bytes.Add((byte)value);
        return this;
    }

    public PacketBytes Two(int value) => Byte(value >> 8).Byte(value);

    public PacketBytes Four(uint value) => Two((int)(value >> 16)).Two((int)value);

    public PacketBytes Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PacketBytes Binary(ReadOnlySpan<byte> bytes) => Two(bytes.Length).Raw(bytes);

    public PacketBytes Text(string text) => Binary(Encoding.UTF8.GetBytes(text));

    public PacketBytes Varint(int value)
    {
        while (value > 0x7F)
        {
            Byte((value & 0x7F) | 0x80);
            value >>= 7;
        }
        return Byte(value);
    }

    public byte[] ToArray() => [.. _bytes];

    public static byte[] Packet(int header, byte[] body) => new PacketBytes().Byte(header).Varint(body.Length).Raw(body).ToArray();
}
