namespace Fleet.Silo.Storage;

/// <summary>A database that keeps grain records: SQLite or PostgreSQL.</summary>
internal interface IRecordStore
{
    /// <returns>Null if there is no such record.</returns>
    ValueTask<StoredRecord?> Read(string type, string key);

    /// <summary>Completes when the outcome is durable. Writes that arrive together share a transaction, each with an outcome of its own.</summary>
    /// <param name="cancellation">Takes the write back as long as it has not begun.</param>
    /// <exception cref="StorageException">It was not stored, or nobody knows; a read tells.</exception>
    Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation);

    /// <summary>Writes a row of its own in the way that records are written, to see whether that works.</summary>
    /// <exception cref="StorageException">It does not.</exception>
    Task Probe(DateTimeOffset now, CancellationToken cancellation);
}
