using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Formats.Cbor;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Interfaces.Streams;

namespace Fleet.Gateway.AwsTopics;

/// <summary>What devices read of streams, in JSON and CBOR: spec/aws-iot-topics.md, 3.1 to 3.4.</summary>
internal static class StreamMessages
{
    /// <summary>More than the members of a data message take beside token and payload.</summary>
    private const int DataOverheadBytes = 64;

    public static ReadOnlyMemory<byte> Description(StreamLease stream, string? clientToken, PayloadFormat format)
    {
        if (format == PayloadFormat.Json)
        {
            return JsonBody.Of(json =>
            {
                json.WriteOptional("c", clientToken);
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
        var cbor = new CborWriter();
        cbor.WriteStartMap(clientToken is null ? 3 : 4);
        WriteText(cbor, "c", clientToken);
        cbor.WriteTextString("s");
        cbor.WriteInt32(stream.Version);
        WriteText(cbor, "d", stream.Description.Description);
        cbor.WriteTextString("r");
        cbor.WriteStartArray(stream.Description.Files.Length);
        foreach (var file in stream.Description.Files)
        {
            cbor.WriteStartMap(2);
            cbor.WriteTextString("f");
            cbor.WriteInt32(file.FileId);
            cbor.WriteTextString("z");
            cbor.WriteInt64(file.SizeBytes);
            cbor.WriteEndMap();
        }
        cbor.WriteEndArray();
        cbor.WriteEndMap();
        return cbor.Encode();
    }

    /// <summary>Short and long names together, as the real service sends them (3.4).</summary>
    public static ReadOnlyMemory<byte> Rejected(StreamRefusal refusal, string? clientToken, PayloadFormat format)
    {
        if (format == PayloadFormat.Json)
        {
            return JsonBody.Of(json =>
            {
                json.WriteOptional("clientToken", clientToken);
                json.WriteOptional("c", clientToken);
                json.WriteString("code", refusal.Code);
                json.WriteString("o", refusal.Code);
                json.WriteString("message", refusal.Message);
                json.WriteString("m", refusal.Message);
            });
        }
        var cbor = new CborWriter();
        cbor.WriteStartMap(clientToken is null ? 4 : 6);
        WriteText(cbor, "clientToken", clientToken);
        WriteText(cbor, "c", clientToken);
        WriteText(cbor, "code", refusal.Code);
        WriteText(cbor, "o", refusal.Code);
        WriteText(cbor, "message", refusal.Message);
        WriteText(cbor, "m", refusal.Message);
        cbor.WriteEndMap();
        return cbor.Encode();
    }

    /// <summary>A data message in memory of the pool, ready but for its block.</summary>
    /// <param name="block">Where the block's bytes go, before <see cref="Finish"/>.</param>
    public static byte[] Begin(PayloadFormat format, string? clientToken, int fileId, int blockId, int length, out Range block)
    {
        int token = clientToken is null ? 0 : JavaScriptEncoder.Default.MaxOutputCharactersPerInputCharacter * clientToken.Length * 3;
        int payload = format == PayloadFormat.Json ? Base64.GetMaxEncodedToUtf8Length(length) : length;
        byte[] message = ArrayPool<byte>.Shared.Rent(DataOverheadBytes + token + payload);
        int at = format == PayloadFormat.Json
            ? BeginJson(message, clientToken, fileId, blockId, length)
            : BeginCbor(message, clientToken, fileId, blockId, length);
        block = at..(at + length);
        return message;
    }

    /// <summary>Completes the message around its block. Returns its length.</summary>
    public static int Finish(PayloadFormat format, byte[] message, Range block)
    {
        var (at, length) = block.GetOffsetAndLength(message.Length);
        if (format == PayloadFormat.Cbor) return at + length;
        if (Base64.EncodeToUtf8InPlace(message.AsSpan(at), length, out int written) != OperationStatus.Done)
            throw new InvalidOperationException("The message has no room for its block.");
        "\"}"u8.CopyTo(message.AsSpan(at + written));
        return at + written + 2;
    }

    private static int BeginJson(Span<byte> message, string? clientToken, int fileId, int blockId, int length)
    {
        string head = clientToken is null ? "" : $"\"c\":\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(clientToken)}\",";
        return Encoding.UTF8.GetBytes($"{{{head}\"f\":{fileId},\"l\":{length},\"i\":{blockId},\"p\":\"", message);
    }

    private static int BeginCbor(Span<byte> message, string? clientToken, int fileId, int blockId, int length)
    {
        int at = 0;
        message[at++] = (byte)(0xA0 | (clientToken is null ? 4 : 5));
        if (clientToken is not null)
        {
            at += Key(message[at..], 'c');
            at += Head(message[at..], 3, Encoding.UTF8.GetByteCount(clientToken));
            at += Encoding.UTF8.GetBytes(clientToken, message[at..]);
        }
        at += Key(message[at..], 'f');
        at += Head(message[at..], 0, fileId);
        at += Key(message[at..], 'l');
        at += Head(message[at..], 0, length);
        at += Key(message[at..], 'i');
        at += Head(message[at..], 0, blockId);
        at += Key(message[at..], 'p');
        return at + Head(message[at..], 2, length);
    }

    private static int Key(Span<byte> span, char name)
    {
        span[0] = 0x61;
        span[1] = (byte)name;
        return 2;
    }

    /// <summary>Major type and argument: RFC 8949, section 3.</summary>
    private static int Head(Span<byte> span, int majorType, int value)
    {
        int major = majorType << 5;
        switch (value)
        {
            case < 24:
                span[0] = (byte)(major | value);
                return 1;
            case <= byte.MaxValue:
                span[0] = (byte)(major | 24);
                span[1] = (byte)value;
                return 2;
            case <= ushort.MaxValue:
                span[0] = (byte)(major | 25);
                BinaryPrimitives.WriteUInt16BigEndian(span[1..], (ushort)value);
                return 3;
            default:
                span[0] = (byte)(major | 26);
                BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)value);
                return 5;
        }
    }

    private static void WriteText(CborWriter cbor, string name, string? value)
    {
        if (value is null) return;
        cbor.WriteTextString(name);
        cbor.WriteTextString(value);
    }
}
