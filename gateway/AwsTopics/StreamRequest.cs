using System.Formats.Cbor;
using System.Text;
using System.Text.Json;

namespace Fleet.Gateway.AwsTopics;

/// <summary>Why a stream request is refused: spec/aws-iot-topics.md, 3.4.</summary>
internal sealed record StreamRefusal(string Code, string Message)
{
    /// <summary>Of a request that could be read so far.</summary>
    public string? ClientToken { get; init; }
}

/// <summary>A request for blocks, or for the list of files (then only token and version count): spec, 3.1 and 3.2.</summary>
/// <param name="ClientToken">c, to echo.</param>
/// <param name="Version">s.</param>
/// <param name="FileId">f, 0 to 255.</param>
/// <param name="BlockBytes">l, 256 to 131,072.</param>
/// <param name="Offset">o, in blocks.</param>
/// <param name="Count">n; null: as many as fit into 128 KiB.</param>
/// <param name="Bitmap">b, relative to the offset, least significant bit first; null: none.</param>
internal sealed record StreamRequest(
    string? ClientToken, int? Version, int? FileId, int? BlockBytes, int? Offset, int? Count, byte[]? Bitmap)
{
    public const int MaxRequestBytes = 128 * 1024;
    private static readonly StreamRequest Empty = new(null, null, null, null, null, null, null);
    private const int MinBlockBytes = 256, MaxBlockBytes = 131_072, MaxOffset = 98_304, MaxBitmapBytes = 12_288, MaxTokenBytes = 64;

    /// <summary>Reads the request; its values are not checked yet.</summary>
    /// <param name="refusal">Null if it could be read. It carries the client token if that could.</param>
    public static StreamRequest? TryParse(ReadOnlyMemory<byte> body, PayloadFormat format, out StreamRefusal? refusal)
    {
        refusal = null;
        string? token = null;
        try
        {
            return format == PayloadFormat.Json ? ParseJson(body, ref token) : ParseCbor(body, ref token);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            refusal = new("InvalidRequest", e.Message) { ClientToken = token };
        }
        catch (Exception e) when (e is JsonException or CborContentException or InvalidOperationException)
        {
            string code = format == PayloadFormat.Json ? "InvalidJson" : "InvalidCbor";
            refusal = new(code, $"The request cannot be read: {e.Message}") { ClientToken = token };
        }
        return null;
    }

    /// <summary>Null if the request for blocks is in order.</summary>
    public StreamRefusal? Check()
    {
        if (ClientToken is not null && Encoding.UTF8.GetByteCount(ClientToken) > MaxTokenBytes)
            return new("InvalidRequest", $"The client token is longer than {MaxTokenBytes} bytes.");
        if (FileId is null or < 0 or > 255) return new("InvalidRequest", "The file id f is missing, or not from 0 to 255.");
        if (BlockBytes is null) return new("InvalidRequest", "The block size l is missing.");
        if (BlockBytes is < MinBlockBytes or > MaxBlockBytes)
            return new("BlockSizeOutOfBounds", $"The block size l is not from {MinBlockBytes} to {MaxBlockBytes}.");
        if (Offset is < 0 or > MaxOffset) return new("OffsetOutOfBounds", $"The block offset o is not from 0 to {MaxOffset}.");
        if (Count is < 0 or > MaxOffset) return new("BlockCountLimitExceeded", $"The number of blocks n is not from 0 to {MaxOffset}.");
        if (Bitmap?.Length >= MaxBitmapBytes) return new("BlockBitmapLimitExceeded", $"The bitmap b has {MaxBitmapBytes} bytes or more.");
        return null;
    }

    /// <summary>
    /// The blocks to send, ascending, for a request that <see cref="Check"/> passed: at most n, at most 128 KiB of payload, none past the
    /// end of the file. What is left out is for the device to ask again.
    /// </summary>
    /// <returns>Block ids, counted from the start of the file; empty if nothing requested lies inside it.</returns>
    public IEnumerable<int> Blocks(long fileBytes)
    {
        int size = BlockBytes!.Value, offset = Offset ?? 0, left = Count ?? MaxRequestBytes / size, budget = MaxRequestBytes;
        long blocks = (fileBytes + size - 1) / size;
        int end = Bitmap is { } bitmap ? bitmap.Length * 8 : left;
        for (int i = 0; i < end && left > 0 && offset + (long)i < blocks; i++)
        {
            if (Bitmap is not null && (Bitmap[i / 8] & (1 << (i % 8))) == 0) continue;
            int bytes = (int)Math.Min(size, fileBytes - ((long)(offset + i) * size));
            if (bytes > budget) yield break;
            budget -= bytes;
            left--;
            yield return offset + i;
        }
    }

    private static StreamRequest ParseJson(ReadOnlyMemory<byte> body, ref string? token)
    {
        if (body.IsEmpty) return Empty;
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new FormatException("The request is not a JSON object.");
        int? Integer(string name) => !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw new FormatException($"{name} is not an integer.");
        string? Text(string name) => !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
            : value.ValueKind == JsonValueKind.String ? value.GetString() : throw new FormatException($"{name} is not a string.");
        token = Text("c");
        return new StreamRequest(
            token, Integer("s"), Integer("f"), Integer("l"), Integer("o"), Integer("n"), Text("b") is { } hex ? Hex(hex) : null);
    }

    /// <summary>Hex digits, perhaps with "0x" in front, in either case.</summary>
    private static byte[] Hex(string text)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)) text = text[2..];
        return text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit) ? Convert.FromHexString(text)
            : throw new FormatException("The bitmap b is not an even number of hex digits.");
    }

    private static StreamRequest ParseCbor(ReadOnlyMemory<byte> body, ref string? token)
    {
        var request = Empty;
        if (body.IsEmpty) return request;
        var reader = new CborReader(body, CborConformanceMode.Lax);
        string? wrong = null;
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            string name = reader.ReadTextString();
            switch (name, reader.PeekState())
            {
                case ("c", CborReaderState.TextString): request = request with { ClientToken = token = reader.ReadTextString() }; break;
                case ("b", CborReaderState.ByteString or CborReaderState.StartIndefiniteLengthByteString):
                    request = request with { Bitmap = reader.ReadByteString() };
                    break;
                case ("b", CborReaderState.TextString):
                    // What users trip over (3.2).
                    throw new CborContentException("the bitmap b is a text string and must be a byte string.");
                case ("s", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    request = request with { Version = reader.ReadInt32() };
                    break;
                case ("f", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    request = request with { FileId = reader.ReadInt32() };
                    break;
                case ("l", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    request = request with { BlockBytes = reader.ReadInt32() };
                    break;
                case ("o", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    request = request with { Offset = reader.ReadInt32() };
                    break;
                case ("n", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    request = request with { Count = reader.ReadInt32() };
                    break;
                case ("c" or "s" or "f" or "l" or "o" or "n" or "b", not CborReaderState.Null):
                    wrong ??= $"{name} has the wrong type.";
                    reader.SkipValue();
                    break;
                default:
                    reader.SkipValue();
                    break;
            }
        }
        reader.ReadEndMap();
        return wrong is null ? request : throw new FormatException(wrong);
    }
}
