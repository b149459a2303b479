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
    /// <summary>A pool thread may be held up for so long by a disk; a slower one is waited for by the writer's thread.</summary>
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(1);

    private readonly WriteQueue _queue;
    private readonly SqliteDatabase _database;
    private readonly StorageMonitor _monitor;
    private readonly SqliteCheckpoints _checkpoints;
    private readonly Thread _thread;

    /// <summary>Who holds it has the session.</summary>
    private readonly Lock _writing = new();
    private SqliteSession? _session;
    private volatile bool _aloneAndQuick;

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
    /// As the other. The task's continuations run one after another where the caller gave them no scheduler, and so must not block; those
    /// of a grain go to its own turns.
    /// </summary>
    public Task<T> Write<T>(Write<T> write, CancellationToken cancellation)
    {
        if (TryHere(write)) return write.Result;
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

    /// <summary>
    /// A write that is alone is committed on its caller's thread: the way to another thread and back costs more than a quick fsync. Whoever
    /// comes meanwhile waits for the writer's thread, which takes over until one is alone again.
    /// </summary>
    private bool TryHere(Write write)
    {
        if (!_aloneAndQuick || !_writing.TryEnter()) return false;
        try
        {
            if (_queue.Count > 0 || _queue.IsClosed) return false;
            Commit([write]);
        }
        finally
        {
            _writing.Exit();
        }
        write.Answer();
        return true;
    }

    private void Run()
    {
        while (_queue.DequeueBatch() is { Count: > 0 } batch)
        {
            lock (_writing) Commit(batch);
            // One work item for all: hundreds of them would cost more than the commit. This thread has the next batch to write.
            ThreadPool.UnsafeQueueUserWorkItem(static done => { foreach (var write in done) write.Answer(); }, batch, preferLocal: false);
        }
        lock (_writing) _session?.Dispose();
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
        var duration = Stopwatch.GetElapsedTime(start);
        _aloneAndQuick = batch.Count == 1 && duration < Quick;
        _monitor.Committed(batch.Count, duration);
        _checkpoints.AfterCommit(_session);
    }

    private void CommitEachAlone(List<Write> batch)
    {
        foreach (var write in batch) Commit([write]);
    }

    private void Fail(List<Write> batch, Exception cause)
    {
        _monitor.Failed(batch.Count, cause, IsStorageFault(cause));
        _aloneAndQuick = false;
        var failure = new StorageException($"The write was not stored: {cause.Message}", cause);
        foreach (var write in batch) write.Fail(failure);
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

    /// <summary>
    /// True when no other write would have fared better: a full disk, an I/O error, a lock. Otherwise one write of the batch is at fault.
    /// </summary>
    private static bool IsStorageFault(Exception e) =>
        e is SqliteException
        {
            SqliteErrorCode: not (SQLITE_ERROR or SQLITE_TOOBIG or SQLITE_CONSTRAINT or SQLITE_MISMATCH or SQLITE_RANGE),
        };
}
