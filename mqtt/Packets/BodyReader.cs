using System.Buffers.Binary;

namespace Fleet.Mqtt;

/// <summary>Reads the data types of MQTT 5.0, 1.5 from the front of a packet's body. Each length is checked before it is used.</summary>
internal ref struct BodyReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    public readonly bool AtEnd => _rest.IsEmpty;
    public readonly int Remaining => _rest.Length;

    public byte ReadByte() => ReadBytes(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(ReadBytes(2));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(ReadBytes(4));

    public int ReadVariableByteInteger()
    {
        int value = 0;
        for (int i = 0; i < 4; i++)
        {
            byte b = ReadByte();
            value |= (b & 0x7F) << (7 * i);
            if ((b & 0x80) != 0) continue;
            if (b == 0 && i > 0) throw Fault.Malformed("an integer takes more bytes than it needs (1.5.5)");
            return value;
        }
        throw Fault.Malformed("a variable byte integer of more than four bytes (1.5.5)");
    }

    public ReadOnlySpan<byte> ReadBinary() => ReadBytes(ReadUInt16());

    public ReadOnlySpan<byte> ReadUtf8()
    {
        var text = ReadBinary();
        if (!MqttUtf8.IsValid(text)) throw Fault.Malformed("a string is not well-formed UTF-8, or holds U+0000 (1.5.4)");
        return text;
    }

    public ushort ReadPacketId()
    {
        ushort id = ReadUInt16();
        if (id == 0) throw Fault.Protocol("packet identifier 0 (2.2.1)");
        return id;
    }

    public ReadOnlySpan<byte> ReadBytes(int length)
    {
        if (length > _rest.Length) throw Fault.Malformed("a field is longer than the packet");
        var read = _rest[..length];
        _rest = _rest[length..];
        return read;
    }

    public ReadOnlySpan<byte> ReadRest() => ReadBytes(_rest.Length);

    public readonly void ExpectEnd()
    {
        if (!_rest.IsEmpty) throw Fault.Malformed("bytes after the last field");
    }
}
