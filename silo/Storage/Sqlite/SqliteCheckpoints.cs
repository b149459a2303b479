using Microsoft.Data.Sqlite;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Copies the write-ahead log into the database, beside the writer: a commit waits for its own fsync, and not for megabytes of others'
/// pages. The log starts again from its beginning when all of it is copied and a commit comes; while the writer is never idle, there is
/// always a rest. So when the log has become long in spite of the copying, the writer copies that rest itself, between two commits.
/// </summary>
internal sealed class SqliteCheckpoints : IAsyncDisposable
{
    /// <summary>A log this many times as long as the pages between two copies is too long.</summary>
    private const int TooLong = 4;

    private const string Checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";

    private readonly SqliteDatabase _database;
    private readonly int _pages;
    private readonly StorageMonitor _monitor;
    private readonly AutoResetEvent _due = new(false);
    private readonly Thread _thread;
    private volatile bool _stopping;
    private volatile bool _copying;
    private volatile bool _restDue;
    private SqliteSession? _lastSession;
    private int _copiedAt;

    public SqliteCheckpoints(SqliteDatabase database, int pages, StorageMonitor monitor)
    {
        (_database, _pages, _monitor) = (database, pages, monitor);
        _thread = new Thread(Run) { Name = "fleet-checkpoints", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Called by the writer, after each of its commits.</summary>
    public void AfterCommit(SqliteSession session)
    {
        if (_restDue)
        {
            _restDue = false;
            CopyRest(session);
        }
        int written = session.PagesWritten;
        if (session != _lastSession) (_lastSession, _copiedAt) = (session, 0);
        if (_copying || written - _copiedAt < _pages) return;
        _copiedAt = written;
        _copying = true;
        _due.Set();
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
                using (var result = session.Query(Checkpoint))
                {
                    // busy, pages in the log, pages of them that are copied
                    result.Read();
                    _restDue = result.GetInt64(1) > (long)TooLong * _pages;
                }
            }
            catch (SqliteException e)
            {
                // What is not copied stays in the log, where it is as safe; the next one tries again. A disk that
                // fails, fails the commits too.
                _monitor.CheckpointFailed(e);
                session?.Dispose();
                session = null;
            }
            _copying = false;
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
