using System.Buffers;
using System.Formats.Cbor;
using System.Text.Json;
using Fleet.Interfaces.Streams;

namespace Fleet.Gateway.Blocks;

/// <summary>What a stream answers: spec/aws-iot-topics.md, 3.1, 3.3 and 3.4.</summary>
internal static class BlockMessages
{
    /// <summary>Room for everything in a data message but its payload, in either format.</summary>
    private const int OverheadBytes = 256;

    /// <summary>One data message, into memory rented from the shared pool.</summary>
    public static (byte[] Rented, int Length) Data(bool cbor, string? token, int fileId, long block, ReadOnlySpan<byte> payload)
    {
        int tokenBytes = 6 * (token?.Length ?? 0);
        if (cbor)
        {
            var writer = new CborWriter(CborConformanceMode.Lax, initialCapacity: payload.Length + tokenBytes + OverheadBytes);
            writer.WriteStartMap(token is null ? 4 : 5);
            if (token is not null) Field(writer, "c").WriteTextString(token);
            Field(writer, "f").WriteInt32(fileId);
            Field(writer, "l").WriteInt32(payload.Length);
            Field(writer, "i").WriteInt64(block);
            Field(writer, "p").WriteByteString(payload);
            writer.WriteEndMap();
            byte[] rentedCbor = ArrayPool<byte>.Shared.Rent(writer.BytesWritten);
            return (rentedCbor, writer.Encode(rentedCbor));
        }
        var output = new RentedWriter(payload.Length / 3 * 4 + 8 + tokenBytes + OverheadBytes);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (token is not null) json.WriteString("c", token);
            json.WriteNumber("f", fileId);
            json.WriteNumber("l", payload.Length);
            json.WriteNumber("i", block);
            json.WriteBase64String("p", payload);
            json.WriteEndObject();
        }
        return (output.Rented, output.Written);
    }

    public static byte[] Description(bool cbor, string? token, StreamLease stream)
    {
        if (!cbor)
        {
            return Json(json =>
            {
                if (token is not null) json.WriteString("c", token);
                json.WriteNumber("s", stream.Version);
                json.WriteString("d", stream.Description.Description);
                json.WriteStartArray("r");
                foreach (var file in stream.Description.Files)
                {
                    json.WriteStartObject();
                    json.WriteNumber("f", file.FileId);
                    json.WriteNumber("z", file.SizeBytes);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            });
        }
        var writer = new CborWriter();
        writer.WriteStartMap(token is null ? 3 : 4);
        if (token is not null) Field(writer, "c").WriteTextString(token);
        Field(writer, "s").WriteInt32(stream.Version);
        Field(writer, "d").WriteTextString(stream.Description.Description);
        Field(writer, "r").WriteStartArray(stream.Description.Files.Length);
        foreach (var file in stream.Description.Files)
        {
            writer.WriteStartMap(2);
            Field(writer, "f").WriteInt32(file.FileId);
            Field(writer, "z").WriteInt64(file.SizeBytes);
            writer.WriteEndMap();
        }
        writer.WriteEndArray();
        writer.WriteEndMap();
        return writer.Encode();
    }

    /// <summary>The error under its short and its long names, as captures of AWS show it.</summary>
    public static byte[] Rejected(bool cbor, string? token, BlockFault fault)
    {
        if (!cbor)
        {
            return Json(json =>
            {
                if (token is not null)
                {
                    json.WriteString("clientToken", token);
                    json.WriteString("c", token);
                }
                json.WriteString("code", fault.Code);
                json.WriteString("o", fault.Code);
                json.WriteString("message", fault.Message);
                json.WriteString("m", fault.Message);
            });
        }
        var writer = new CborWriter();
        writer.WriteStartMap(token is null ? 4 : 6);
        foreach (string name in token is null ? [] : new[] { "clientToken", "c" }) Field(writer, name).WriteTextString(token!);
        foreach (string name in new[] { "code", "o" }) Field(writer, name).WriteTextString(fault.Code);
        foreach (string name in new[] { "message", "m" }) Field(writer, name).WriteTextString(fault.Message);
        writer.WriteEndMap();
        return writer.Encode();
    }

    private static CborWriter Field(CborWriter writer, string name)
    {
        writer.WriteTextString(name);
        return writer;
    }

    private static byte[] Json(Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>(OverheadBytes);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes into one rented array that was made large enough.</summary>
    private sealed class RentedWriter(int capacity) : IBufferWriter<byte>
    {
        public byte[] Rented { get; private set; } = ArrayPool<byte>.Shared.Rent(capacity);
        public int Written { get; private set; }

        public void Advance(int count) => Written += count;

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (Rented.Length - Written < Math.Max(sizeHint, 1))
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * Rented.Length, Written + sizeHint));
                Rented.AsSpan(0, Written).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(Rented);
                Rented = larger;
            }
            return Rented.AsMemory(Written);
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
