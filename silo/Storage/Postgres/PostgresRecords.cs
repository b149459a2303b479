using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// Grain records in the table <c>grain_state</c>. Writes that arrive while a transaction is under way form the next one: no write waits for
/// company, and a crowd shares one round trip and one fsync. A write's task completes after the commit that holds it, and never before.
/// </summary>
internal sealed class PostgresRecords : IRecordStore, IAsyncDisposable
{
    private readonly Channel<PendingRecord> _queue;
    private readonly PostgresDatabase _database;
    private readonly int _maxBatch;
    private readonly StorageHealth _health;
    private readonly StorageMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly ETagBlocks _etags = new();
    private readonly Task _running;
    private NpgsqlConnection? _connection;

    public PostgresRecords(
        PostgresDatabase database, IOptions<StorageOptions> options, StorageHealth health, StorageMetrics metrics, TimeProvider clock,
        ILogger<PostgresRecords> log)
    {
        (_database, _maxBatch, _health, _metrics, _clock, _log) = (database, options.Value.MaxBatch, health, metrics, clock, log);
        _queue = Channel.CreateBounded<PendingRecord>(new BoundedChannelOptions(options.Value.MaxQueued) { SingleReader = true });
        metrics.ObserveQueue(() => _queue.Reader.Count);
        // Off the scheduler of whoever asked for this first, which may be a grain's.
        _running = Task.Run(Run);
    }

    public async ValueTask<StoredRecord?> Read(string type, string key)
    {
        try
        {
            await using var command = _database.Source.CreateCommand(PostgresRecordSql.Select);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = type });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key });
            await using var rows = await command.ExecuteReaderAsync();
            return await rows.ReadAsync() ? new StoredRecord(rows.GetFieldValue<byte[]>(0), rows.GetInt64(1)) : null;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new StorageException($"The record {type}/{key} could not be read: {e.Message}", e);
        }
    }

    public async Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation)
    {
        // To clear what is not there asks for no change.
        if (write is { State: null, ETag: null }) return await Read(write.Type, write.Key) is { } there ? RecordWritten.Conflict(there.ETag) : default;
        var outcome = await Enqueue(write, cancellation);
        // Rare enough to ask for: a loser learns which ETag won.
        return outcome.Refused ? RecordWritten.Conflict((await Read(write.Type, write.Key))?.ETag) : outcome;
    }

    public Task Probe(DateTimeOffset now, CancellationToken cancellation) => Enqueue(null, cancellation);

    /// <summary>Commits what was queued, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _running;
        await Close();
    }

    private async Task<RecordWritten> Enqueue(RecordWrite? write, CancellationToken cancellation)
    {
        var pending = new PendingRecord(write, cancellation);
        try
        {
            await _queue.Writer.WriteAsync(pending, cancellation);
        }
        catch (ChannelClosedException e)
        {
            throw new StorageException("The storage is closed: the service is stopping.", e);
        }
        return await pending.Result;
    }

    private async Task Run()
    {
        var batch = new RecordBatch(_maxBatch);
        while (batch.HasLeft || await _queue.Reader.WaitToReadAsync())
        {
            batch.Gather(_queue.Reader);
            await Commit(batch.Writes);
        }
    }

    private async Task Commit(IReadOnlyList<PendingRecord> writes)
    {
        if (writes.Count == 0) return;
        long start = Stopwatch.GetTimestamp();
        try
        {
            _connection ??= await _database.OpenWriter(CancellationToken.None);
            await _etags.Reserve(_connection, writes.Count);
            foreach (var write in writes) write.Next = _etags.Next();
            await RecordTransaction.Run(_connection, writes, _clock.GetUtcNow());
        }
        catch (Exception e)
        {
            // After an error that the server reported, the connection and its lock are as good as before. Any other leaves it in an unknown state.
            if (e is not PostgresException || _connection?.State is not System.Data.ConnectionState.Open) await Close();
            if (writes.Count > 1 && !IsStorageFault(e)) foreach (var write in writes) await Commit([write]);
            else Fail(writes, e);
            return;
        }
        _health.Succeeded();
        _metrics.Committed(writes.Count, Stopwatch.GetElapsedTime(start));
        foreach (var write in writes) write.Complete();
    }

    private void Fail(IReadOnlyList<PendingRecord> writes, Exception cause)
    {
        if (IsStorageFault(cause)) _health.Failure(cause);
        StorageLog.CommitFailed(_log, writes.Count, cause);
        _metrics.Failed(writes.Count);
        foreach (var write in writes) write.Fail(new StorageException($"The write was not acknowledged: {cause.Message}", cause));
    }

    private async Task Close()
    {
        try
        {
            if (_connection is not null) await _connection.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            StorageLog.CloseFailed(_log, e);
        }
        _connection = null;
    }

    /// <summary>
    /// True when no other write would have fared better: a lost connection, a full disk, a server that stops. Otherwise one write of the batch is at
    /// fault (classes 22 data, 23 integrity, 54 limits), or met another transaction at the wrong moment (40).
    /// </summary>
    private static bool IsStorageFault(Exception e) =>
        e is NpgsqlException and not PostgresException or TimeoutException or IOException or StorageException
        || e is PostgresException { SqlState: var state } && !(state.StartsWith("22", StringComparison.Ordinal)
            || state.StartsWith("23", StringComparison.Ordinal) || state.StartsWith("40", StringComparison.Ordinal) || state.StartsWith("54", StringComparison.Ordinal));
}
