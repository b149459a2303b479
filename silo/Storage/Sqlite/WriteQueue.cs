namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Writes on their way from many threads to the writer's. A lock that is held for nanoseconds, and one wake-up per batch: at a hundred
/// thousand writes a second a channel's own bookkeeping costs as much as SQLite does.
/// </summary>
/// <param name="capacity">Most writes that wait; whoever comes after them waits for room.</param>
/// <param name="maxBatch">Most writes that are taken at once.</param>
internal sealed class WriteQueue(int capacity, int maxBatch)
{
    private readonly object _gate = new();
    private int _count;
    private List<Write> _waiting = [];
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _writerWaits;
    private bool _closed;

    public int Count => Volatile.Read(ref _count);

    public bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>Puts the write at the end; where there is no room, once there is.</summary>
    /// <exception cref="StorageException">The queue is closed.</exception>
    public async ValueTask Add(Write write, CancellationToken cancellation)
    {
        while (!TryAdd(write, out var room)) await room.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Dequeues what waits, and waits where nothing does. Called by the writer alone.</summary>
    /// <returns>Empty once the queue is closed and empty.</returns>
    public List<Write> DequeueBatch()
    {
        List<Write> batch;
        TaskCompletionSource? room = null;
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_closed)
            {
                _writerWaits = true;
                Monitor.Wait(_gate);
                _writerWaits = false;
            }
            bool wasFull = _waiting.Count >= capacity;
            if (_waiting.Count <= maxBatch)
            {
                (batch, _waiting) = (_waiting, new(_waiting.Count));
            }
            else
            {
                batch = _waiting.GetRange(0, maxBatch);
                _waiting.RemoveRange(0, maxBatch);
            }
            Volatile.Write(ref _count, _waiting.Count);
            if (wasFull) (room, _room) = (_room, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        room?.SetResult();
        return batch;
    }

    /// <summary>No more come in; what is there still goes out.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
        _room.TrySetResult();
    }

    private bool TryAdd(Write write, out Task room)
    {
        lock (_gate)
        {
            if (_closed) throw new StorageException("The storage is closed: the service is stopping.");
            room = _room.Task;
            if (_waiting.Count >= capacity) return false;
            _waiting.Add(write);
            Volatile.Write(ref _count, _waiting.Count);
            if (_writerWaits) Monitor.Pulse(_gate);
            return true;
        }
    }
}

/// <summary>One write on its way through <see cref="GroupCommitWriter"/>.</summary>
internal abstract class Write
{
    /// <summary>Does the work inside a transaction that is not durable yet.</summary>
    public abstract void Run(SqliteSession session);

    /// <summary>It was not stored.</summary>
    public abstract void Fail(Exception cause);

    /// <summary>Answers the caller: the transaction is durable, or has failed.</summary>
    public abstract void Answer();
}

internal abstract class Write<T>(CancellationToken cancellation) : Write
{
    // Completed by the group's own work item, which runs the callers' continuations one after the other: see GroupCommitWriter.
    private readonly TaskCompletionSource<T> _answer = new();
    private T? _result;
    private Exception? _failure;
    private bool _begun;

    public Task<T> Result => _answer.Task;

    public override void Run(SqliteSession session)
    {
        // Decided once: a write that took part in a transaction is not taken back when that is tried again.
        if (!_begun && cancellation.IsCancellationRequested) _answer.TrySetCanceled(cancellation);
        if (_answer.Task.IsCompleted) return;
        _begun = true;
        _result = Do(session);
    }

    public override void Fail(Exception cause) => _failure = cause;

    public override void Answer()
    {
        if (_failure is null) _answer.TrySetResult(_result!);
        else _answer.TrySetException(_failure);
    }

    /// <summary>
    /// Reads and writes the session and nothing else. May run twice: when another's work made the shared transaction fail, each goes again
    /// alone. What it refuses (a wrong ETag) it returns as its result, having changed nothing.
    /// </summary>
    protected abstract T Do(SqliteSession session);
}

/// <summary>A write that is a function.</summary>
internal sealed class FunctionWrite<T>(Func<SqliteSession, T> work, CancellationToken cancellation) : Write<T>(cancellation)
{
    protected override T Do(SqliteSession session) => work(session);
}
