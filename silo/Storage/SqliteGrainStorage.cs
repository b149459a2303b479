using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Orleans.Storage;

namespace Fleet.Silo.Storage;

/// <summary>Grain records as rows of JSON in <c>grain_state</c>; a record's rows in the fleet index and the catalog go with it in one transaction.</summary>
internal sealed class SqliteGrainStorage(
    GroupCommitWriter writer, SqliteReaders readers, ETagClock etags, JsonSerializerOptions json, TimeProvider clock) : IGrainStorage
{
    private const string Select = "SELECT state, etag FROM grain_state WHERE type = $1 AND key = $2";
    private const string SelectETag = "SELECT etag FROM grain_state WHERE type = $1 AND key = $2";
    private const string Insert = "INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    private const string Update = "UPDATE grain_state SET state = $3, etag = $4, updated_at = $5 WHERE type = $1 AND key = $2 AND etag = $6";
    private const string Delete = "DELETE FROM grain_state WHERE type = $1 AND key = $2 AND etag = $3";

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var found = readers.Read(session =>
        {
            using var rows = session.Query(Select, TypeOf(grainId, stateName), grainId.Key.ToString());
            return rows.Read() ? (State: rows.GetString(0), ETag: rows.GetInt64(1)) : default;
        });
        grainState.RecordExists = found.State is not null;
        grainState.ETag = found.State is null ? null : found.ETag.ToString();
        grainState.State = found.State is null ? Activator.CreateInstance<T>() : JsonSerializer.Deserialize(found.State, TypeInfo<T>());
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var (type, key) = (TypeOf(grainId, stateName), grainId.Key.ToString());
        // Made on the caller's thread and turn: the state may change afterwards, and the writer's thread has enough to do.
        string text = JsonSerializer.Serialize(grainState.State!, TypeInfo<T>());
        string updatedAt = SqlTime.Format(clock.GetUtcNow());
        var rows = IndexRows.Of(grainState.State);
        var etag = ParseETag(grainState.ETag);

        var written = await writer.Write(session =>
        {
            long next = etags.Next();
            int changed = etag is null
                ? session.Execute(Insert, type, key, text, next, updatedAt)
                : session.Execute(Update, type, key, text, next, updatedAt, etag);
            if (changed == 0) return Written.Conflict(StoredETag(session, type, key));
            rows.Put(session, type, key);
            return new Written(next, null, false);
        }, cancellationToken);

        Accept(written, grainState, type, key);
        grainState.ETag = written.ETag.ToString();
        grainState.RecordExists = true;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var (type, key) = (TypeOf(grainId, stateName), grainId.Key.ToString());
        var rows = IndexRows.None<T>();
        var etag = ParseETag(grainState.ETag);

        var written = await writer.Write(session =>
        {
            var stored = StoredETag(session, type, key);
            if (stored != etag) return Written.Conflict(stored);
            if (etag is null) return default;
            session.Execute(Delete, type, key, etag);
            rows.Put(session, type, key);
            return default;
        }, cancellationToken);

        Accept(written, grainState, type, key);
        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    }

    private static long? StoredETag(SqliteSession session, string type, string key) => (long?)session.Scalar(SelectETag, type, key);

    private static void Accept<T>(Written written, IGrainState<T> state, string type, string key)
    {
        if (written.Refused)
            throw new InconsistentStateException($"The record {type}/{key} was changed by another writer.", written.StoredETag?.ToString(), state.ETag);
    }

    private static string TypeOf(GrainId grain, string stateName) =>
        grain.Type.ToString() is var type && type == stateName ? type : $"{type}/{stateName}";

    private static long? ParseETag(string? etag) => etag is null ? null : long.Parse(etag);

    private JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)json.GetTypeInfo(typeof(T));

    private readonly record struct Written(long ETag, long? StoredETag, bool Refused)
    {
        public static Written Conflict(long? stored) => new(0, stored, true);
    }
}
