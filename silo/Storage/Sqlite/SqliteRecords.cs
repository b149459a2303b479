namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Grain records in the table <c>grain_state</c>.</summary>
internal sealed class SqliteRecords(GroupCommitWriter writer, SqliteReaders readers, ETagClock etags, TimeProvider clock) : IRecordStore
{
    private const string Select = "SELECT state, etag FROM grain_state WHERE type = ?1 AND key = ?2";
    private const string UpsertProbe = "INSERT INTO storage_probe (id, probed_at) VALUES (0, $1) ON CONFLICT (id) DO UPDATE SET probed_at = $1";

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
