using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Fleet.Grains.Shadows;

/// <summary>Writes shadows as JSON: compact, members in their own order, numbers as they were spelled.</summary>
internal static class ShadowJson
{
    /// <summary>Escapes what JSON must and no more. Nothing of this is ever put into a page as it is.</summary>
    public static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private static readonly JsonWriterOptions Options = new() { Encoder = Encoder };

    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> body)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer, Options)) body(writer);
        return buffer.WrittenMemory;
    }

    /// <summary>The values of a tree.</summary>
    public static void WriteState(Utf8JsonWriter writer, ShadowNode node)
    {
        switch (node)
        {
            case ShadowLeaf leaf:
                writer.WriteRawValue(leaf.Json, skipInputValidation: true);
                break;
            case ShadowArray array:
                writer.WriteStartArray();
                foreach (var item in array.Items) WriteState(writer, item);
                writer.WriteEndArray();
                break;
            case ShadowObject o:
                writer.WriteStartObject();
                foreach (var (name, member) in o.Members)
                {
                    writer.WritePropertyName(name);
                    WriteState(writer, member);
                }
                writer.WriteEndObject();
                break;
        }
    }

    /// <summary>The times of a tree: <c>{"timestamp":n}</c> in place of each leaf.</summary>
    public static void WriteMetadata(Utf8JsonWriter writer, ShadowNode node)
    {
        switch (node)
        {
            case ShadowLeaf leaf:
                WriteTimestamp(writer, leaf.WrittenAt);
                break;
            case ShadowArray array:
                writer.WriteStartArray();
                foreach (var item in array.Items) WriteMetadata(writer, item);
                writer.WriteEndArray();
                break;
            case ShadowObject o:
                writer.WriteStartObject();
                foreach (var (name, member) in o.Members)
                {
                    writer.WritePropertyName(name);
                    WriteMetadata(writer, member);
                }
                writer.WriteEndObject();
                break;
        }
    }

    /// <summary>The metadata of a request, where a removed value counts as a leaf too.</summary>
    public static void WriteMetadata(Utf8JsonWriter writer, JsonElement value, long timestamp)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    WriteMetadata(writer, member.Value, timestamp);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray()) WriteMetadata(writer, item, timestamp);
                writer.WriteEndArray();
                break;
            default:
                WriteTimestamp(writer, timestamp);
                break;
        }
    }

    private static void WriteTimestamp(Utf8JsonWriter writer, long timestamp)
    {
        writer.WriteStartObject();
        writer.WriteNumber("timestamp", timestamp);
        writer.WriteEndObject();
    }
}
