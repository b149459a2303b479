using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Grains.Shadows;

/// <summary>A shadow's document. A section with nothing in it is null.</summary>
/// <param name="Version">1 with the first update, one more with each.</param>
[JsonConverter(typeof(ShadowDocumentJsonConverter))]
internal sealed record ShadowDocument(long Version, ShadowObject? Desired, ShadowObject? Reported)
{
    /// <summary><c>{"desired":…,"reported":…}</c>, and <c>"delta"</c> if there is one to show.</summary>
    public void WriteState(Utf8JsonWriter writer, ShadowObject? delta = null)
    {
        writer.WriteStartObject();
        WriteSection(writer, "desired", Desired, ShadowJson.WriteState);
        WriteSection(writer, "reported", Reported, ShadowJson.WriteState);
        WriteSection(writer, "delta", delta, ShadowJson.WriteState);
        writer.WriteEndObject();
    }

    public void WriteMetadata(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        WriteSection(writer, "desired", Desired, ShadowJson.WriteMetadata);
        WriteSection(writer, "reported", Reported, ShadowJson.WriteMetadata);
        writer.WriteEndObject();
    }

    private static void WriteSection(Utf8JsonWriter writer, string name, ShadowObject? section, Action<Utf8JsonWriter, ShadowNode> write)
    {
        if (section is null) return;
        writer.WritePropertyName(name);
        write(writer, section);
    }
}

/// <summary>Stored as devices see it: <c>{"state":{…},"metadata":{…},"version":n}</c>.</summary>
internal sealed class ShadowDocumentJsonConverter : JsonConverter<ShadowDocument>
{
    public override void Write(Utf8JsonWriter writer, ShadowDocument value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WritePropertyName("state");
        value.WriteState(writer);
        writer.WritePropertyName("metadata");
        value.WriteMetadata(writer);
        writer.WriteNumber("version", value.Version);
        writer.WriteEndObject();
    }

    public override ShadowDocument Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var document = JsonElement.ParseValue(ref reader);
        var state = document.GetProperty("state");
        var metadata = document.GetProperty("metadata");
        return new ShadowDocument(document.GetProperty("version").GetInt64(), Section("desired"), Section("reported"));

        ShadowObject? Section(string name) =>
            state.TryGetProperty(name, out var values) ? (ShadowObject)Zip(values, metadata.GetProperty(name)) : null;
    }

    private static ShadowNode Zip(JsonElement value, JsonElement metadata) => value.ValueKind switch
    {
        JsonValueKind.Object => new ShadowObject(new OrderedDictionary<string, ShadowNode>(
            value.EnumerateObject().Select(m => KeyValuePair.Create(m.Name, Zip(m.Value, metadata.GetProperty(m.Name)))))),
        JsonValueKind.Array => new ShadowArray(
            [.. value.EnumerateArray().Zip(metadata.EnumerateArray()).Select(pair => Zip(pair.First, pair.Second))]),
        _ => ShadowLeaf.Of(value, metadata.GetProperty("timestamp").GetInt64()),
    };
}
