using System.Diagnostics;
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
    private readonly WriteQueue _queue;
    private readonly SqliteDatabase _database;
    private readonly StorageMonitor _monitor;
    private readonly SqliteCheckpoints _checkpoints;
    private readonly Thread _thread;
    private SqliteSession? _session;

    public GroupCommitWriter(SqliteDatabase database, IOptions<StorageOptions> options, StorageMonitor monitor)
    {
        (_database, _monitor) = (database, monitor);
        _queue = new WriteQueue(options.Value.MaxQueued, options.Value.MaxBatch);
        _checkpoints = new SqliteCheckpoints(database, options.Value.CheckpointPages, monitor);
        monitor.ObserveQueue(() => _queue.Count);
        // A thread of its own: fsync blocks, and a blocked pool thread is one that grains cannot use.
        _thread = new Thread(Run) { Name = "fleet-storage", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs <paramref name="work"/> in a transaction that others may share, and returns its result once that is durable.</summary>
    /// <param name="work">As <see cref="Write{T}.Do"/>.</param>
    /// <param name="cancellation">Takes the write back as long as it has not begun.</param>
    /// <exception cref="StorageException">Nothing was stored.</exception>
    public Task<T> Write<T>(Func<SqliteSession, T> work, CancellationToken cancellation = default) =>
        Write(new FunctionWrite<T>(work, cancellation), cancellation);

    /// <summary>
    /// As the other. The task's continuations run one after another where the caller gave them no scheduler, and so must not block; those of a grain
    /// go to its own turns.
    /// </summary>
    public Task<T> Write<T>(Write<T> write, CancellationToken cancellation)
    {
        var added = _queue.Add(write, cancellation);
        return added.IsCompletedSuccessfully ? write.Result : Wait(added, write);
    }

    /// <summary>Commits what was queued, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await Task.Run(_thread.Join);
        await _checkpoints.DisposeAsync();
    }

    private static async Task<T> Wait<T>(ValueTask added, Write<T> write)
    {
        await added.ConfigureAwait(false);
        return await write.Result.ConfigureAwait(false);
    }

    private void Run()
    {
        while (_queue.Take() is { Count: > 0 } batch) Commit(batch);
        _session?.Dispose();
    }

    private void Commit(List<Write> batch)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            _session ??= _database.OpenWriter();
            _session.Begin();
            foreach (var write in batch) write.Run(_session);
            _session.Commit();
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
        // One work item for all: hundreds of them would cost more than the commit. This thread has the next batch to write.
        ThreadPool.UnsafeQueueUserWorkItem(static done => { foreach (var write in done) write.Complete(); }, batch, preferLocal: false);
        _checkpoints.AfterCommit(_session);
    }

    private void CommitEachAlone(List<Write> batch)
    {
        foreach (var write in batch) Commit([write]);
    }

    private void Fail(List<Write> batch, Exception cause)
    {
        _monitor.Failed(batch.Count, cause, IsStorageFault(cause));
        var failure = new StorageException($"The write was not stored: {cause.Message}", cause);
        ThreadPool.UnsafeQueueUserWorkItem(
            static failed => { foreach (var write in failed.Batch) write.Fail(failed.Failure); }, (Batch: batch, Failure: failure), preferLocal: false);
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
