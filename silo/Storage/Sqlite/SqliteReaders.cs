using System.Collections.Concurrent;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Sessions to read with. Each query sees all that was committed when it began, and does not wait for the writer.</summary>
internal sealed class SqliteReaders(SqliteDatabase database) : IDisposable
{
    /// <summary>How many sessions are kept for the next query. More at once are opened, and closed after use.</summary>
    private static readonly int Kept = Environment.ProcessorCount * 2;

    private readonly ConcurrentBag<SqliteSession> _idle = [];

    /// <summary>Runs on the caller's thread: for a row or two by their key, which takes some microseconds.</summary>
    public T Read<T>(Func<SqliteSession, T> query)
    {
        var session = _idle.TryTake(out var idle) ? idle : database.OpenReader();
        try
        {
            var result = query(session);
            if (_idle.Count < Kept)
            {
                _idle.Add(session);
                session = null;
            }
            return result;
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>Runs on a pool thread: for queries that may look at many rows.</summary>
    public Task<T> Scan<T>(Func<SqliteSession, T> query, CancellationToken cancellation) => Task.Run(() => Read(query), cancellation);

    public void Dispose()
    {
        while (_idle.TryTake(out var session)) session.Dispose();
    }
}
