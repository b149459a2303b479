using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Grains;
using Orleans.Storage;

namespace Fleet.Silo.Storage.AdoNet;

/// <summary>Grain states as JSON for Orleans' own storage provider: the same text as in Fleet's table.</summary>
internal sealed class GrainStateSerializer : IGrainStorageSerializer
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input!, TypeInfo<T>()));

    public T? Deserialize<T>(BinaryData input) => JsonSerializer.Deserialize(input.ToMemory().Span, TypeInfo<T>());

    private static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T));
}
