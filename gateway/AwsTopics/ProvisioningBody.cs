using System.Formats.Cbor;
using System.Text.Json;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// Bodies of fleet provisioning: JSON, or CBOR with the same member names (spec/aws-iot-topics.md, section 4). They hold strings and flat
/// maps of strings, so both forms read into and write from this.
/// </summary>
internal static class ProvisioningBody
{
    /// <summary>
    /// Members that are strings, and maps of strings; others are ignored. Null if it cannot be read, or a text holds U+0000.
    /// </summary>
    public static Dictionary<string, object>? TryRead(ReadOnlyMemory<byte> body, PayloadFormat format)
    {
        if (body.IsEmpty) return [];
        try
        {
            var members = format == PayloadFormat.Json ? ReadJson(body) : ReadCbor(body);
            return members is not null && members.All(member => IsStorable(member.Key) && IsStorable(member.Value)) ? members : null;
        }
        catch (Exception e) when (e is JsonException or CborContentException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <param name="members">Values are strings, integers, or maps of strings; null leaves the member out.</param>
    public static ReadOnlyMemory<byte> Write(PayloadFormat format, params ReadOnlySpan<(string Name, object? Value)> members)
    {
        (string Name, object Value)[] present = [.. members.ToArray().Where(m => m.Value is not null).Select(m => (m.Name, m.Value!))];
        return format == PayloadFormat.Json ? WriteJson(present) : WriteCbor(present);
    }

    private static Dictionary<string, object>? ReadJson(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object) return null;
        var members = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.String) members[member.Name] = member.Value.GetString()!;
            else if (member.Value.ValueKind == JsonValueKind.Object)
                members[member.Name] = member.Value.EnumerateObject().ToImmutableSortedDictionary(
                    m => m.Name, m => m.Value.GetString() ?? "", StringComparer.Ordinal);
        }
        return members;
    }

    private static bool IsStorable(object value) => value switch
    {
        string text => StorableText.Is(text),
        ImmutableSortedDictionary<string, string> map => map.All(pair => StorableText.Is(pair.Key) && StorableText.Is(pair.Value)),
        _ => true,
    };

    private static Dictionary<string, object> ReadCbor(ReadOnlyMemory<byte> body)
    {
        var reader = new CborReader(body, CborConformanceMode.Lax);
        var members = new Dictionary<string, object>(StringComparer.Ordinal);
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            string name = reader.ReadTextString();
            switch (reader.PeekState())
            {
                case CborReaderState.TextString or CborReaderState.StartIndefiniteLengthTextString:
                    members[name] = reader.ReadTextString();
                    break;
                case CborReaderState.StartMap:
                    members[name] = ReadCborMap(reader);
                    break;
                default:
                    reader.SkipValue();
                    break;
            }
        }
        reader.ReadEndMap();
        return members;
    }

    private static ImmutableSortedDictionary<string, string> ReadCborMap(CborReader reader)
    {
        var map = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap) map[reader.ReadTextString()] = reader.ReadTextString();
        reader.ReadEndMap();
        return map.ToImmutable();
    }

    private static ReadOnlyMemory<byte> WriteJson((string Name, object Value)[] members) => JsonBody.Of(json =>
    {
        foreach (var (name, value) in members)
        {
            switch (value)
            {
                case int number: json.WriteNumber(name, number); break;
                case string text: json.WriteString(name, text); break;
                case ImmutableSortedDictionary<string, string> map:
                    json.WriteStartObject(name);
                    foreach (var (key, text) in map) json.WriteString(key, text);
                    json.WriteEndObject();
                    break;
            }
        }
    });

    private static ReadOnlyMemory<byte> WriteCbor((string Name, object Value)[] members)
    {
        var cbor = new CborWriter();
        cbor.WriteStartMap(members.Length);
        foreach (var (name, value) in members)
        {
            cbor.WriteTextString(name);
            switch (value)
            {
                case int number: cbor.WriteInt32(number); break;
                case string text: cbor.WriteTextString(text); break;
                case ImmutableSortedDictionary<string, string> map:
                    cbor.WriteStartMap(map.Count);
                    foreach (var (key, text) in map)
                    {
                        cbor.WriteTextString(key);
                        cbor.WriteTextString(text);
                    }
                    cbor.WriteEndMap();
                    break;
            }
        }
        cbor.WriteEndMap();
        return cbor.Encode();
    }
}
