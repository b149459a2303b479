using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using static SQLitePCL.raw;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// The only writer of the database. Writes that arrive while a transaction is being made durable form the next one: no write waits for
/// company, and a crowd shares one fsync. A write's task completes after the commit that holds it, and never before.
/// </summary>
internal sealed class GroupCommitWriter : IAsyncDisposable
{
    private readonly Channel<Write> _queue;
    private readonly SqliteDatabase _database;
    private readonly int _maxBatch;
    private readonly StorageMonitor _monitor;
    private readonly Thread _thread;
    private SqliteSession? _session;

    public GroupCommitWriter(SqliteDatabase database, IOptions<StorageOptions> options, StorageMonitor monitor)
    {
        (_database, _maxBatch, _monitor) = (database, options.Value.MaxBatch, monitor);
        _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(options.Value.MaxQueued) { SingleReader = true });
        monitor.ObserveQueue(() => _queue.Reader.Count);
        // A thread of its own: fsync blocks, and a blocked pool thread is one that grains cannot use.
        _thread = new Thread(Run) { Name = "fleet-storage", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs <paramref name="work"/> in a transaction that others may share, and returns its result once that is durable.</summary>
    /// <param name="work">
    /// Reads and writes the session and nothing else. It may run twice: when another's work made the shared transaction fail, each goes again alone.
    /// What it refuses (a wrong ETag) it returns as its result, having changed nothing.
    /// </param>
    /// <param name="cancellation">Takes the write back as long as it has not begun.</param>
    /// <exception cref="StorageException">Nothing was stored.</exception>
    public async Task<T> Write<T>(Func<SqliteSession, T> work, CancellationToken cancellation = default)
    {
        var write = new Write<T>(work, cancellation);
        try
        {
            await _queue.Writer.WriteAsync(write, cancellation);
        }
        catch (ChannelClosedException e)
        {
            throw new StorageException("The storage is closed: the service is stopping.", e);
        }
        return await write.Result;
    }

    /// <summary>Commits what was queued, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await Task.Run(_thread.Join);
    }

    private void Run()
    {
        var reader = _queue.Reader;
        List<Write> batch = new(_maxBatch);
        while (reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (batch.Count < _maxBatch && reader.TryRead(out var write)) batch.Add(write);
            Commit(batch);
            batch.Clear();
        }
        _session?.Dispose();
    }

    private void Commit(List<Write> batch)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            _session ??= _database.OpenWriter();
            _session.Execute("BEGIN IMMEDIATE");
            foreach (var write in batch) write.Run(_session);
            _session.Execute("COMMIT");
        }
        catch (Exception e)
        {
            // The connection goes, and its transaction with it. Whatever state an I/O error left it in is not worth reasoning about.
            CloseSession();
            if (batch.Count > 1 && !IsStorageFault(e)) CommitEachAlone(batch);
            else Fail(batch, e);
            return;
        }
        _monitor.Committed(batch.Count, Stopwatch.GetElapsedTime(start));
        foreach (var write in batch) write.Complete();
    }

    private void CommitEachAlone(List<Write> batch)
    {
        foreach (var write in batch) Commit([write]);
    }

    private void Fail(List<Write> batch, Exception cause)
    {
        _monitor.Failed(batch.Count, cause, IsStorageFault(cause));
        foreach (var write in batch) write.Fail(new StorageException($"The write was not stored: {cause.Message}", cause));
    }

    private void CloseSession()
    {
        try
        {
            _session?.Dispose();
        }
        catch (SqliteException e)
        {
            _monitor.CloseFailed(e);
        }
        _session = null;
    }

    /// <summary>True when no other write would have fared better: a full disk, an I/O error, a lock. Otherwise one write of the batch is at fault.</summary>
    private static bool IsStorageFault(Exception e) =>
        e is SqliteException { SqliteErrorCode: not (SQLITE_ERROR or SQLITE_TOOBIG or SQLITE_CONSTRAINT or SQLITE_MISMATCH or SQLITE_RANGE) };
}
