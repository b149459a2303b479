namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Grain records in the table <c>grain_state</c>.</summary>
internal sealed class SqliteRecords(GroupCommitWriter writer, SqliteReaders readers, ETagClock etags, TimeProvider clock) : IRecordStore
{
    private const string Select = "SELECT state, etag FROM grain_state WHERE type = $1 AND key = $2";
    private const string SelectETag = "SELECT etag FROM grain_state WHERE type = $1 AND key = $2";
    private const string Insert = "INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    private const string Update = "UPDATE grain_state SET state = $3, etag = $4, updated_at = $5 WHERE type = $1 AND key = $2 AND etag = $6";
    private const string Delete = "DELETE FROM grain_state WHERE type = $1 AND key = $2 AND etag = $3";
    private const string UpsertProbe = "INSERT INTO storage_probe (id, probed_at) VALUES (0, $1) ON CONFLICT (id) DO UPDATE SET probed_at = $1";

    public ValueTask<StoredRecord?> Read(string type, string key) => new(readers.Read<StoredRecord?>(session =>
    {
        using var rows = session.Query(Select, type, key);
        return rows.Read() ? new StoredRecord(System.Text.Encoding.UTF8.GetBytes(rows.GetString(0)), rows.GetInt64(1)) : null;
    }));

    public Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation)
    {
        string updatedAt = SqlTime.Format(clock.GetUtcNow());
        return writer.Write(session => write.State is null ? Clear(session, write) : Put(session, write, updatedAt), cancellation);
    }

    public Task Probe(DateTimeOffset now, CancellationToken cancellation) =>
        writer.Write(session => session.Execute(UpsertProbe, SqlTime.Format(now)), cancellation);

    private RecordWritten Put(SqliteSession session, RecordWrite write, string updatedAt)
    {
        long next = etags.Next();
        string state = System.Text.Encoding.UTF8.GetString(write.State!);
        int changed = write.ETag is null
            ? session.Execute(Insert, write.Type, write.Key, state, next, updatedAt)
            : session.Execute(Update, write.Type, write.Key, state, next, updatedAt, write.ETag);
        if (changed == 0) return RecordWritten.Conflict(StoredETag(session, write));
        SqliteIndexRows.Put(session, write);
        return RecordWritten.Stored(next);
    }

    private static RecordWritten Clear(SqliteSession session, RecordWrite write)
    {
        var stored = StoredETag(session, write);
        if (stored != write.ETag) return RecordWritten.Conflict(stored);
        if (stored is null) return default;
        session.Execute(Delete, write.Type, write.Key, stored);
        SqliteIndexRows.Put(session, write);
        return default;
    }

    private static long? StoredETag(SqliteSession session, RecordWrite write) => (long?)session.Scalar(SelectETag, write.Type, write.Key);
}
