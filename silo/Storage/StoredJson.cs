using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Fleet.Silo.Storage;

/// <summary>
/// How stored JSON is read. A record that an older version wrote lacks the members that were added since: one that may be null is null then, even
/// where the code that makes the record must name it (<c>required</c>).
/// </summary>
internal static class StoredJson
{
    public static JsonSerializerOptions For(JsonSerializerOptions states)
    {
        var options = new JsonSerializerOptions(states)
        {
            TypeInfoResolver = states.TypeInfoResolver!.WithAddedModifier(AbsentIsNull),
        };
        options.MakeReadOnly();
        return options;
    }

    private static void AbsentIsNull(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (property.IsRequired && MayBeNull(property)) property.IsRequired = false;
        }
    }

    private static bool MayBeNull(JsonPropertyInfo property) =>
        Nullable.GetUnderlyingType(property.PropertyType) is not null || (!property.PropertyType.IsValueType && property.IsSetNullable);
}
