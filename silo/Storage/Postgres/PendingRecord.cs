namespace Fleet.Silo.Storage.Postgres;

/// <summary>One write on its way through <see cref="PostgresRecords"/>.</summary>
/// <param name="Write">Null: the readiness check's.</param>
internal sealed class PendingRecord(RecordWrite? write, CancellationToken cancellation)
{
    // Callers go on elsewhere: the writer has the next batch to send.
    private readonly TaskCompletionSource<RecordWritten> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _taken;

    public RecordWrite? Write => write;
    public Task<RecordWritten> Result => _answer.Task;

    /// <summary>The ETag that it gives the record, where it is not refused.</summary>
    public long Next { get; set; }

    public RecordWritten Outcome { get; set; }

    /// <summary>Decided once: a write that took part in a transaction is not taken back when that is tried again.</summary>
    /// <returns>False if the caller has taken it back.</returns>
    public bool TryTake()
    {
        if (!_taken && cancellation.IsCancellationRequested) return !_answer.TrySetCanceled(cancellation);
        return _taken = true;
    }

    public void Complete() => _answer.TrySetResult(Outcome);

    public void Fail(Exception cause) => _answer.TrySetException(cause);
}
