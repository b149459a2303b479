namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Grain records in the table <c>grain_state</c>.</summary>
internal sealed class SqliteRecords(GroupCommitWriter writer, SqliteReaders readers, ETagClock etags, TimeProvider clock) : IRecordStore
{
    private const string Select = "SELECT state, etag FROM grain_state WHERE type = ?1 AND key = ?2";
    private const string UpsertProbe =
        "INSERT INTO storage_probe (id, probed_at) VALUES (0, $1) ON CONFLICT (id) DO UPDATE SET probed_at = $1";

    public ValueTask<StoredRecord?> Read(string type, string key)
    {
        try
        {
            return new(readers.Read(session => Read(session.Statement(Select), type, key)));
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            throw new StorageException($"The record {type}/{key} could not be read: {e.Message}", e);
        }
    }

    public Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation) =>
        writer.Write(new RecordWork(write, etags, clock, cancellation), cancellation);

    public Task Probe(DateTimeOffset now, CancellationToken cancellation) =>
        writer.Write(session => session.Execute(UpsertProbe, SqlTime.Format(now)), cancellation);

    private static StoredRecord? Read(SqliteStatement select, string type, string key)
    {
        try
        {
            select.Bind(1, type);
            select.Bind(2, key);
            return select.Step() ? new StoredRecord(select.Bytes(0).ToArray(), select.Long(1)) : null;
        }
        finally
        {
            select.Reset();
        }
    }
}

/// <summary>Writes or clears one record, with its rows in the index and the catalog.</summary>
internal sealed class RecordWork(RecordWrite write, ETagClock etags, TimeProvider clock, CancellationToken cancellation)
    : Write<RecordWritten>(cancellation)
{
    private const string Insert =
        "INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    private const string Update =
        "UPDATE grain_state SET state = ?3, etag = ?4, updated_at = ?5 WHERE type = ?1 AND key = ?2 AND etag = ?6";
    private const string Delete = "DELETE FROM grain_state WHERE type = ?1 AND key = ?2";
    private const string SelectETag = "SELECT etag FROM grain_state WHERE type = ?1 AND key = ?2";

    protected override RecordWritten Do(SqliteSession session) => write.State is { } state ? Put(session, state) : Clear(session);

    private RecordWritten Put(SqliteSession session, byte[] state)
    {
        var statement = For(session, write.ETag is null ? Insert : Update);
        long next = etags.Next();
        statement.Bind(3, state);
        statement.Bind(4, next);
        statement.Bind(5, session.Now(clock));
        if (write.ETag is { } expected) statement.Bind(6, expected);
        if (statement.Execute() == 0) return RecordWritten.Conflict(StoredETag(session));
        SqliteIndexRows.Put(session, write);
        return RecordWritten.Stored(next);
    }

    private RecordWritten Clear(SqliteSession session)
    {
        var stored = StoredETag(session);
        if (stored != write.ETag) return RecordWritten.Conflict(stored);
        if (stored is null) return default;
        For(session, Delete).Execute();
        SqliteIndexRows.Put(session, write);
        return default;
    }

    private long? StoredETag(SqliteSession session)
    {
        var select = For(session, SelectETag);
        try
        {
            return select.Step() ? select.Long(0) : null;
        }
        finally
        {
            select.Reset();
        }
    }

    private SqliteStatement For(SqliteSession session, string sql)
    {
        var statement = session.Statement(sql);
        statement.Bind(1, write.Type);
        statement.Bind(2, write.Key);
        return statement;
    }
}
