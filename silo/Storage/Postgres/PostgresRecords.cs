using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// Grain records in the table <c>grain_state</c>: written by one connection, which holds the lock on them, and read by others.
/// </summary>
internal sealed class PostgresRecords : IRecordStore, IAsyncDisposable
{
    private readonly PostgresDatabase _database;
    private readonly StorageMonitor _monitor;
    private readonly TimeProvider _clock;
    private readonly ETagBlocks _etags = new();
    private readonly WorkGroup<PendingRecord> _writes;
    private readonly WorkGroup<PendingRead> _reads;
    private NpgsqlConnection? _writer;

    public PostgresRecords(PostgresDatabase database, IOptions<StorageOptions> options, StorageMonitor monitor, TimeProvider clock)
    {
        (_database, _monitor, _clock) = (database, monitor, clock);
        _writes = new(options.Value, PendingRecord.ByKey, Commit, PostgresFaults.ConcernAll);
        _reads = new(options.Value, null, ReadOrReadAgain, PostgresFaults.ConcernAll);
        monitor.ObserveQueue(() => _writes.Waiting);
    }

    public async ValueTask<StoredRecord?> Read(string type, string key)
    {
        var pending = new PendingRead(type, key);
        await _reads.Add(pending, CancellationToken.None).ConfigureAwait(false);
        return await pending.Result.ConfigureAwait(false);
    }

    public async Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation)
    {
        // To clear what is not there asks for no change.
        if (write is { State: null, ETag: null })
            return await Read(write.Type, write.Key) is { } there ? RecordWritten.Conflict(there.ETag) : default;
        var pending = new PendingRecord(write, cancellation);
        await _writes.Add(pending, cancellation).ConfigureAwait(false);
        var outcome = await pending.Result.ConfigureAwait(false);
        // Rare enough to ask for: a loser learns which ETag won.
        return outcome.Refused ? RecordWritten.Conflict((await Read(write.Type, write.Key))?.ETag) : outcome;
    }

    public async Task Probe(DateTimeOffset now, CancellationToken cancellation)
    {
        var pending = new PendingRecord(null, cancellation);
        await _writes.Add(pending, cancellation).ConfigureAwait(false);
        await pending.Result.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _writes.DisposeAsync();
        await _reads.DisposeAsync();
        await CloseWriter();
    }

    private async Task Commit(IReadOnlyList<PendingRecord> writes)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            _writer ??= await _database.OpenWriter(CancellationToken.None);
            await _etags.Reserve(_writer, writes.Count);
            foreach (var write in writes) write.Next = _etags.Next();
            await RecordTransaction.Run(_writer, writes, _clock.GetUtcNow());
            _monitor.Committed(writes.Count, Stopwatch.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            if (PostgresFaults.Spoil(_writer, e)) await CloseWriter();
            if (writes.Count == 1 || PostgresFaults.ConcernAll(e)) _monitor.Failed(writes.Count, e, PostgresFaults.ConcernAll(e));
            throw;
        }
    }

    // A connection in the pool may have been cut since it was last used; that shows at its next use, and says nothing of the server.
    private async Task ReadOrReadAgain(IReadOnlyList<PendingRead> reads)
    {
        try
        {
            await Read(reads);
        }
        catch (NpgsqlException e) when (e is not PostgresException { IsTransient: false, SqlState: not ("57P01" or "57P02") })
        {
            await Read(reads);
        }
    }

    private async Task Read(IReadOnlyList<PendingRead> reads)
    {
        await using var command = _database.Source.CreateCommand(PostgresRecordSql.Select);
        command.Parameters.Add(PostgresBatch.Texts(reads, read => read.Type));
        command.Parameters.Add(PostgresBatch.Texts(reads, read => read.Key));
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
            reads[(int)rows.GetInt64(0) - 1].Outcome = new StoredRecord(rows.GetFieldValue<byte[]>(1), rows.GetInt64(2));
    }

    private async Task CloseWriter()
    {
        try
        {
            if (_writer is not null) await _writer.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            _monitor.CloseFailed(e);
        }
        _writer = null;
    }
}

/// <summary>A record to write; null: the readiness check's.</summary>
internal sealed class PendingRecord(RecordWrite? write, CancellationToken cancellation) : GroupedWork<RecordWritten>(cancellation)
{
    public RecordWrite? Write => write;

    /// <summary>The ETag that it gives the record, where it is not refused.</summary>
    public long Next { get; set; }

    public static int ByKey(PendingRecord left, PendingRecord right) =>
        string.CompareOrdinal(left.Write?.Type, right.Write?.Type) is var byType and not 0
            ? byType : string.CompareOrdinal(left.Write?.Key, right.Write?.Key);
}

/// <summary>A record to read.</summary>
internal sealed class PendingRead(string type, string key) : GroupedWork<StoredRecord?>(CancellationToken.None)
{
    public string Type => type;

    public string Key => key;
}

/// <summary>
/// Numbers the writes of one connection. The database gives each block of 2^24 numbers once, so that no ETag is ever given twice, by
/// whichever process: a record that is deleted and made anew never meets an ETag that somebody still holds.
/// </summary>
internal sealed class ETagBlocks
{
    private const int BlockBits = 24;

    private long _next;

    /// <summary>Takes a block if fewer than <paramref name="count"/> numbers are left.</summary>
    public async ValueTask Reserve(NpgsqlConnection connection, int count)
    {
        long left = (1 << BlockBits) - (_next & ((1 << BlockBits) - 1));
        if (_next != 0 && left > count) return;
        await using var command = new NpgsqlCommand("SELECT nextval('etag_blocks')", connection);
        _next = (long)(await command.ExecuteScalarAsync())! << BlockBits;
    }

    public long Next() => ++_next;
}
