using System.Buffers;
using System.Formats.Cbor;
using System.Text;
using System.Text.Json;

namespace Fleet.Gateway.Blocks;

/// <summary>Reads stream requests in both formats. Unknown members are ignored; the token is told even when the rest is wrong.</summary>
internal static class BlockRequestReader
{
    public static BlockFault? TryReadJson(ReadOnlyMemory<byte> payload, out BlockRequest request)
    {
        request = default;
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(payload.Length == 0 ? "{}"u8.ToArray() : payload);
        }
        catch (JsonException e)
        {
            return new("InvalidJson", $"The request is not JSON: {e.Message}");
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object) return new("InvalidJson", "The request is not a JSON object.");
            BlockFault? fault = null;
            foreach (var member in document.RootElement.EnumerateObject())
            {
                var value = member.Value;
                switch (member.Name)
                {
                    case "c" when value.ValueKind == JsonValueKind.String: fault ??= Token(value.GetString()!, ref request); break;
                    case "b" when value.ValueKind == JsonValueKind.String: fault ??= HexBitmap(value.GetString()!, ref request); break;
                    case "s" or "f" or "l" or "o" or "n" when value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number):
                        Set(ref request, member.Name, number);
                        break;
                    case "c" or "b" or "s" or "f" or "l" or "o" or "n":
                        fault ??= new("InvalidRequest", $"The field {member.Name} has the wrong type.");
                        break;
                }
            }
            return fault;
        }
    }

    public static BlockFault? TryReadCbor(ReadOnlyMemory<byte> payload, out BlockRequest request)
    {
        request = default;
        if (payload.Length == 0) return null;
        try
        {
            return ReadCbor(new CborReader(payload, CborConformanceMode.Lax), ref request);
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException)
        {
            return new("InvalidCbor", $"The request is not a CBOR map with text keys: {e.Message}");
        }
    }

    private static BlockFault? ReadCbor(CborReader reader, ref BlockRequest request)
    {
        BlockFault? fault = null;
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            string name = reader.ReadTextString();
            switch (name, reader.PeekState())
            {
                case ("c", CborReaderState.TextString): fault ??= Token(reader.ReadTextString(), ref request); break;
                case ("b", CborReaderState.ByteString): request = request with { Bitmap = reader.ReadByteString() }; break;
                case ("s" or "f" or "l" or "o" or "n", CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger):
                    Set(ref request, name, reader.ReadInt64());
                    break;
                case ("c" or "b" or "s" or "f" or "l" or "o" or "n", _):
                    // A text bitmap is what users trip over: say so (spec 3.2).
                    fault ??= name == "b"
                        ? new("InvalidCbor", "The field b (bitmap) has the wrong type: expected a byte string.")
                        : new("InvalidRequest", $"The field {name} has the wrong type.");
                    reader.SkipValue();
                    break;
                default: reader.SkipValue(); break;
            }
        }
        reader.ReadEndMap();
        return fault;
    }

    private static void Set(ref BlockRequest request, string name, long value) => request = name switch
    {
        "s" => request with { StreamVersion = value },
        "f" => request with { FileId = value },
        "l" => request with { BlockBytes = value },
        "o" => request with { Offset = value },
        _ => request with { Count = value },
    };

    private static BlockFault? Token(string token, ref BlockRequest request)
    {
        if (Encoding.UTF8.GetByteCount(token) > BlockRequest.MaxTokenBytes) return new("InvalidRequest", $"The field c (client token) is longer than {BlockRequest.MaxTokenBytes} bytes.");
        request = request with { ClientToken = token };
        return null;
    }

    private static BlockFault? HexBitmap(string hex, ref BlockRequest request)
    {
        var digits = hex.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? hex.AsSpan(2) : hex;
        byte[] bitmap = new byte[digits.Length / 2];
        if (digits.Length % 2 != 0 || Convert.FromHexString(digits, bitmap, out _, out _) != OperationStatus.Done)
        {
            return new("InvalidRequest", "The field b (bitmap) is not an even number of hex digits.");
        }
        request = request with { Bitmap = bitmap };
        return null;
    }
}
