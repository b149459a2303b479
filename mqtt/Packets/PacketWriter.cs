using System.Buffers;
using System.Buffers.Binary;

namespace Fleet.Mqtt;

/// <summary>
/// Writes a packet whose length is known into one span of the output. What does not fit a field is a bug of the caller, so it throws
/// <see cref="ArgumentException"/> before anything is handed on.
/// </summary>
internal ref struct PacketWriter
{
    private readonly IBufferWriter<byte> _output;
    private readonly Span<byte> _span;
    private int _at;

    /// <param name="length">Remaining length, in bytes, as the fixed header states it.</param>
    /// <param name="later">The part of <paramref name="length"/> that the caller writes to the output afterwards.</param>
    public PacketWriter(IBufferWriter<byte> output, byte header, int length, int later = 0)
    {
        if ((uint)length > Framing.MaxVariableByteInteger)
            throw new ArgumentException($"A packet of {length} bytes cannot be written (1.5.5).");
        _output = output;
        int total = 1 + Framing.VariableByteIntegerLength(length) + length - later;
        _span = output.GetSpan(total)[..total];
        WriteByte(header);
        WriteVariableByteInteger(length);
    }

    public static byte Header(PacketType type, int flags = 0) => (byte)(((int)type << 4) | flags);

    public static int SizeOf(Properties properties, MqttVersion version) =>
        version == MqttVersion.V5 ? Framing.VariableByteIntegerLength(properties.Bytes.Length) + properties.Bytes.Length : 0;

    public void WriteByte(byte value) => _span[_at++] = value;

    public void WriteUInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_span[_at..], value);
        _at += 2;
    }

    public void WriteVariableByteInteger(int value)
    {
        while (value > 0x7F)
        {
            WriteByte((byte)(value | 0x80));
            value >>= 7;
        }
        WriteByte((byte)value);
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_span[_at..]);
        _at += bytes.Length;
    }

    /// <summary>Strings and binary data: two bytes of length, then the bytes.</summary>
    public void WriteBinary(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MqttUtf8.MaxBytes)
            throw new ArgumentException($"A field of {bytes.Length} bytes is over 65,535 (1.5.4, 1.5.6).");
        WriteUInt16((ushort)bytes.Length);
        WriteBytes(bytes);
    }

    public void WriteString(string text)
    {
        int length = System.Text.Encoding.UTF8.GetBytes(text, _span[(_at + 2)..]);
        WriteUInt16(checked((ushort)length));
        _at += length;
    }

    public void WriteProperties(Properties properties, MqttVersion version)
    {
        if (version != MqttVersion.V5) return;
        WriteVariableByteInteger(properties.Bytes.Length);
        WriteBytes(properties.Bytes);
    }

    /// <summary>Hands the bytes on to the output.</summary>
    public readonly void Finish()
    {
        if (_at != _span.Length) throw new InvalidOperationException($"{_at} bytes were written of the {_span.Length} announced.");
        _output.Advance(_at);
    }
}
