using Microsoft.Data.Sqlite;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Copies the write-ahead log into the database, beside the writer: a commit waits for its own fsync, and not for megabytes of others'
/// pages. The log starts again from its beginning when all of it is copied and a commit comes; while the writer is never idle, there is
/// always a rest. So when the log has become long in spite of the copying, the writer copies that rest itself, between two commits.
/// </summary>
internal sealed class SqliteCheckpoints : IAsyncDisposable
{
    private const string Checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";

    private readonly SqliteDatabase _database;
    private readonly CheckpointSchedule _schedule;
    private readonly StorageMonitor _monitor;
    private readonly AutoResetEvent _due = new(false);
    private readonly Thread _thread;
    private volatile bool _stopping;

    public SqliteCheckpoints(SqliteDatabase database, int pages, StorageMonitor monitor)
    {
        (_database, _schedule, _monitor) = (database, new CheckpointSchedule(pages), monitor);
        _thread = new Thread(Run) { Name = "fleet-checkpoints", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Called by the writer, after each of its commits.</summary>
    public void AfterCommit(SqliteSession session)
    {
        switch (_schedule.AfterCommit(session.PagesWritten))
        {
            case CheckpointStep.WakeCheckpointer: _due.Set(); break;
            case CheckpointStep.CopyHere: CopyRest(session); break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping) return;
        _stopping = true;
        _due.Set();
        await Task.Run(_thread.Join);
        _due.Dispose();
    }

    private void Run()
    {
        SqliteSession? session = null;
        while (_due.WaitOne() && !_stopping)
        {
            try
            {
                session ??= _database.OpenCheckpointer();
                using var result = session.Query(Checkpoint);
                // busy, pages in the log, pages of them that are copied
                result.Read();
                _schedule.Copied(result.GetInt64(1));
            }
            catch (SqliteException e)
            {
                // What is not copied stays in the log, where it is as safe; the next one tries again. A disk that
                // fails, fails the commits too.
                _monitor.CheckpointFailed(e);
                session?.Dispose();
                session = null;
                _schedule.NotCopied();
            }
        }
        session?.Dispose();
    }

    private void CopyRest(SqliteSession session)
    {
        try
        {
            session.Scalar(Checkpoint);
        }
        catch (SqliteException e)
        {
            _monitor.CheckpointFailed(e);
        }
    }
}

internal enum CheckpointStep
{
    None,
    WakeCheckpointer,

    /// <summary>On the writer's thread, before its next commit.</summary>
    CopyHere,
}

/// <summary>
/// Who copies the log, and when. The writer and the checkpointer take turns: a log that the writer has just copied is about to start again,
/// and a checkpointer that was woken then would copy while it does. SQLite before 3.51.3 loses the database that way.
/// </summary>
/// <param name="pages">Written pages after which they are copied.</param>
internal sealed class CheckpointSchedule(int pages)
{
    /// <summary>A log this many times as long as the pages between two copies is too long.</summary>
    private const int TooLong = 4;

    private volatile bool _copying;
    private volatile bool _restDue;
    private int _copiedAt;

    /// <param name="written">By the writer's session since it was opened; a new session begins at 0.</param>
    public CheckpointStep AfterCommit(int written)
    {
        if (written < _copiedAt) _copiedAt = 0;
        if (_copying || (!_restDue && written - _copiedAt < pages)) return CheckpointStep.None;
        _copiedAt = written;
        if (_restDue)
        {
            _restDue = false;
            return CheckpointStep.CopyHere;
        }
        _copying = true;
        return CheckpointStep.WakeCheckpointer;
    }

    /// <summary>The checkpointer is done.</summary>
    /// <param name="logged">Pages in the log, copied ones included.</param>
    public void Copied(long logged)
    {
        _restDue = logged > (long)TooLong * pages;
        _copying = false;
    }

    public void NotCopied() => _copying = false;
}
