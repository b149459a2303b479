using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Orleans.Storage;

namespace Fleet.Silo.Storage;

/// <summary>Grain records as JSON; a record's rows in the fleet index and the catalog go with it in one transaction.</summary>
internal sealed class GrainStorage(IRecordStore store, JsonSerializerOptions json) : IGrainStorage
{
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var found = await store.Read(TypeOf(grainId, stateName), grainId.Key.ToString()!).ConfigureAwait(false);
        grainState.RecordExists = found is not null;
        grainState.ETag = found is { } record ? Text(record.ETag) : null;
        grainState.State = found is { State: var state }
            ? JsonSerializer.Deserialize(state, TypeInfo<T>())! : Activator.CreateInstance<T>();
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        // Made JSON on the caller's thread and turn: the state may change afterwards, and the writer has enough to do.
        var write = new RecordWrite(
            TypeOf(grainId, stateName), grainId.Key.ToString()!, JsonSerializer.SerializeToUtf8Bytes(grainState.State!, TypeInfo<T>()),
            ParseETag(grainState.ETag), IndexRows.Of(grainState.State));
        var written = await store.Write(write, cancellationToken).ConfigureAwait(false);
        if (written.Refused) throw Refusal(write, written);
        grainState.ETag = Text(written.ETag);
        grainState.RecordExists = true;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var write = new RecordWrite(
            TypeOf(grainId, stateName), grainId.Key.ToString()!, null, ParseETag(grainState.ETag), IndexRows.None<T>());
        var written = await store.Write(write, cancellationToken).ConfigureAwait(false);
        if (written.Refused) throw Refusal(write, written);
        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    }

    private static InconsistentStateException Refusal(RecordWrite write, RecordWritten written) => new(
        $"The record {write.Type}/{write.Key} was changed by another writer.",
        written.StoredETag is { } stored ? Text(stored) : null, write.ETag is { } expected ? Text(expected) : null);

    private static string TypeOf(GrainId grain, string stateName) =>
        grain.Type.ToString()! is var type && type == stateName ? type : $"{type}/{stateName}";

    private static long? ParseETag(string? etag) => etag is null ? null : long.Parse(etag, CultureInfo.InvariantCulture);

    private static string Text(long etag) => etag.ToString(CultureInfo.InvariantCulture);

    private JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)json.GetTypeInfo(typeof(T));
}

/// <summary>
/// How stored JSON is read. A record that an older version wrote lacks the members that were added since: one that may be null is null
/// then, even where the code that makes the record must name it (<c>required</c>).
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
