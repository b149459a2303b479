using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Api;

/// <summary>
/// The one place where a request's texts are looked at before anything reads them: bodies as they are read, and the query. Kestrel takes no
/// U+0000 in paths and headers.
/// </summary>
internal static class RequestText
{
    public static void Demand(JsonSerializerOptions json)
    {
        json.Converters.Add(new StorableStrings());
        json.Converters.Add(new StorableElements());
    }

    public static IApplicationBuilder UseStorableQuery(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        foreach (var (name, values) in context.Request.Query)
        {
            if (!StorableText.Is(name) || values.Any(value => value is not null && !StorableText.Is(value)))
                return Problems.Invalid(name, StorableText.Rule).ExecuteAsync(context);
        }
        return next(context);
    });

    private sealed class StorableStrings : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var text = JsonMetadataServices.StringConverter.Read(ref reader, typeToConvert, options);
            return text is null || StorableText.Is(text) ? text : throw new UnstorableTextException();
        }

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } name && StorableText.Is(name) ? name : throw new UnstorableTextException();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WritePropertyName(value);
    }

    private sealed class StorableElements : JsonConverter<JsonElement>
    {
        public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var element = JsonMetadataServices.JsonElementConverter.Read(ref reader, typeToConvert, options);
            return FindUnstorable(element, "$") is { } path ? throw new UnstorableTextException(path) : element;
        }

        public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options) => value.WriteTo(writer);

        private static string? FindUnstorable(JsonElement element, string path) => element.ValueKind switch
        {
            JsonValueKind.String => IsStorable(element.GetString!) ? null : path,
            JsonValueKind.Array => element.EnumerateArray().Select((item, i) => FindUnstorable(item, $"{path}[{i}]"))
                .FirstOrDefault(found => found is not null),
            JsonValueKind.Object => element.EnumerateObject()
                .Select(member => IsStorable(() => member.Name) ? FindUnstorable(member.Value, $"{path}.{member.Name}") : path)
                .FirstOrDefault(found => found is not null),
            _ => null,
        };

        private static bool IsStorable(Func<string> read)
        {
            try
            {
                return StorableText.Is(read());
            }
            catch (InvalidOperationException)
            {
                // Half a surrogate pair, which JSON can escape and UTF-8 cannot carry.
                return false;
            }
        }
    }
}

/// <param name="path">The member, as <c>$.plan.name</c>; null: the serializer knows.</param>
internal sealed class UnstorableTextException(string? path = null) : JsonException(StorableText.Rule, path, null, null);
