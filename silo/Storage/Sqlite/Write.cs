namespace Fleet.Silo.Storage.Sqlite;

/// <summary>One write on its way through <see cref="GroupCommitWriter"/>.</summary>
internal abstract class Write
{
    /// <summary>Does the work inside a transaction that is not durable yet.</summary>
    public abstract void Run(SqliteSession session);

    /// <summary>The transaction is durable: answers the caller.</summary>
    public abstract void Complete();

    public abstract void Fail(Exception cause);
}

internal sealed class Write<T>(Func<SqliteSession, T> work, CancellationToken cancellation) : Write
{
    // Callers go on elsewhere: the writer's thread has the next batch to write.
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private bool _taken;

    public Task<T> Result => _answer.Task;

    public override void Run(SqliteSession session)
    {
        // Decided once: a write that took part in a transaction is not taken back when that is tried again.
        if (!_taken && cancellation.IsCancellationRequested) _answer.TrySetCanceled(cancellation);
        if (_answer.Task.IsCompleted) return;
        _taken = true;
        _result = work(session);
    }

    public override void Complete() => _answer.TrySetResult(_result!);

    public override void Fail(Exception cause) => _answer.TrySetException(cause);
}
