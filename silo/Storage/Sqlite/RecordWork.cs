namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Writes or clears one record, with its rows in the index and the catalog.</summary>
internal sealed class RecordWork(RecordWrite write, ETagClock etags, TimeProvider clock, CancellationToken cancellation) : Write<RecordWritten>(cancellation)
{
    private const string Insert = "INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    private const string Update = "UPDATE grain_state SET state = ?3, etag = ?4, updated_at = ?5 WHERE type = ?1 AND key = ?2 AND etag = ?6";
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
