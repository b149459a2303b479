namespace Fleet.Silo.Storage.Sqlite;

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
    /// Reads and writes the session and nothing else. May run twice: when another's work made the shared transaction fail, each goes again alone.
    /// What it refuses (a wrong ETag) it returns as its result, having changed nothing.
    /// </summary>
    protected abstract T Do(SqliteSession session);
}

/// <summary>A write that is a function.</summary>
internal sealed class FunctionWrite<T>(Func<SqliteSession, T> work, CancellationToken cancellation) : Write<T>(cancellation)
{
    protected override T Do(SqliteSession session) => work(session);
}
