using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Formats.Cbor;
using System.Text.Json;

namespace Fleet.DeviceSim.Agent.Fetch;

internal enum StreamFormat { Cbor, Json }

/// <summary>What comes back for a request for blocks.</summary>
internal abstract record StreamAnswer
{
    private StreamAnswer() { }

    /// <param name="Block">From the start of the file.</param>
    internal sealed record Block(int FileId, int Number, ReadOnlyMemory<byte> Data) : StreamAnswer;

    internal sealed record Rejected(string Code, string Message) : StreamAnswer;
}

/// <summary>The bodies of the streams family in both formats (spec/aws-iot-topics.md, 3.2 to 3.4).</summary>
internal static class StreamMessages
{
    public static string Suffix(this StreamFormat format) => format == StreamFormat.Cbor ? "cbor" : "json";

    public static byte[] Get(StreamFormat format, int fileId, int blockBytes, BlockRequest request) =>
        format == StreamFormat.Cbor ? GetCbor(fileId, blockBytes, request) : GetJson(fileId, blockBytes, request);

    /// <summary>False if the body is not what the spec says; a device drops it and asks again.</summary>
    public static bool TryReadData(StreamFormat format, ReadOnlyMemory<byte> body, [NotNullWhen(true)] out StreamAnswer? answer)
    {
        answer = null;
        try
        {
            answer = format == StreamFormat.Cbor ? DataFromCbor(body) : DataFromJson(body.Span);
        }
        catch (Exception e) when (
            e is CborContentException or JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            return false;
        }
        return answer is not null;
    }

    public static StreamAnswer ReadRejection(StreamFormat format, ReadOnlyMemory<byte> body)
    {
        try
        {
            return format == StreamFormat.Cbor ? RejectionFromCbor(body) : RejectionFromJson(body.Span);
        }
        catch (Exception e) when (
            e is CborContentException or JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            return new StreamAnswer.Rejected("InternalError", "the rejection cannot be read");
        }
    }

    private static byte[] GetCbor(int fileId, int blockBytes, BlockRequest request)
    {
        var writer = new CborWriter();
        writer.WriteStartMap(request.Bitmap is null ? 4 : 5);
        WritePair(writer, "f", fileId);
        WritePair(writer, "l", blockBytes);
        WritePair(writer, "o", request.Offset);
        WritePair(writer, "n", request.Count);
        if (request.Bitmap is { } bitmap)
        {
            writer.WriteTextString("b");
            writer.WriteByteString(bitmap);
        }
        writer.WriteEndMap();
        return writer.Encode();
    }

    private static void WritePair(CborWriter writer, string key, int value)
    {
        writer.WriteTextString(key);
        writer.WriteInt32(value);
    }

    private static byte[] GetJson(int fileId, int blockBytes, BlockRequest request)
    {
        var output = new ArrayBufferWriter<byte>(64);
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteNumber("f"u8, fileId);
        writer.WriteNumber("l"u8, blockBytes);
        writer.WriteNumber("o"u8, request.Offset);
        writer.WriteNumber("n"u8, request.Count);
        if (request.Bitmap is { } bitmap) writer.WriteString("b"u8, Convert.ToHexStringLower(bitmap));
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static StreamAnswer.Block? DataFromCbor(ReadOnlyMemory<byte> body)
    {
        var reader = new CborReader(body);
        (int? file, int? number, int? length, ReadOnlyMemory<byte>? data) = (null, null, null, null);
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            switch (reader.ReadTextString())
            {
                case "f": file = reader.ReadInt32(); break;
                case "i": number = reader.ReadInt32(); break;
                case "l": length = reader.ReadInt32(); break;
                case "p": data = reader.ReadDefiniteLengthByteString(); break;    // a slice: the payload is not copied
                default: reader.SkipValue(); break;
            }
        }
        return Block(file, number, length, data);
    }

    private static StreamAnswer.Block? DataFromJson(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        (int? file, int? number, int? length, ReadOnlyMemory<byte>? data) = (null, null, null, null);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) return null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("f"u8) && reader.Read()) file = reader.GetInt32();
            else if (reader.ValueTextEquals("i"u8) && reader.Read()) number = reader.GetInt32();
            else if (reader.ValueTextEquals("l"u8) && reader.Read()) length = reader.GetInt32();
            else if (reader.ValueTextEquals("p"u8) && reader.Read()) data = reader.GetBytesFromBase64();
            else reader.Skip();
        }
        return Block(file, number, length, data);
    }

    private static StreamAnswer.Block? Block(int? file, int? number, int? length, ReadOnlyMemory<byte>? data) =>
        file is { } f && number is { } n and >= 0 && data is { } p && length == p.Length ? new StreamAnswer.Block(f, n, p) : null;

    private static StreamAnswer.Rejected RejectionFromCbor(ReadOnlyMemory<byte> body)
    {
        var reader = new CborReader(body);
        var (code, message) = ("InternalError", "");
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            var key = reader.ReadTextString();
            if (reader.PeekState() is not (CborReaderState.TextString or CborReaderState.StartIndefiniteLengthTextString))
                reader.SkipValue();
            else if (key is "o" or "code") code = reader.ReadTextString();
            else if (key is "m" or "message") message = reader.ReadTextString();
            else reader.SkipValue();
        }
        return new StreamAnswer.Rejected(code, message);
    }

    private static StreamAnswer.Rejected RejectionFromJson(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        using var document = JsonDocument.ParseValue(ref reader);
        return new StreamAnswer.Rejected(
            Text(document, "o") ?? Text(document, "code") ?? "InternalError", Text(document, "m") ?? Text(document, "message") ?? "");
    }

    private static string? Text(JsonDocument document, string name) =>
        document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
