using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Interfaces.Naming;

/// <summary>A name is a plain JSON string, as a value and as a member name.</summary>
public sealed class NameJsonConverter<T> : JsonConverter<T> where T : struct, IName<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Parse(reader.GetString());

    public override T ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Parse(reader.GetString());

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value.Value);

    private static T Parse(string? text) =>
        T.TryParse(text, out var name) ? name : throw new JsonException($"'{text}' is not a {typeof(T).Name}: expected {T.Grammar}.");
}
