namespace Fleet.Silo.Storage.Postgres;

/// <summary>One request that shares a round trip with others.</summary>
internal abstract class GroupedWork(CancellationToken cancellation)
{
    private bool _begun;

    /// <summary>The order of arrival.</summary>
    public long Sequence { get; set; }

    /// <summary>Decided once: work that took part in a transaction is not taken back when that is tried again.</summary>
    /// <returns>False if the caller has taken it back.</returns>
    public bool TryBegin()
    {
        if (_begun || !cancellation.IsCancellationRequested) return _begun = true;
        Cancel(cancellation);
        return false;
    }

    public abstract void Complete();

    public abstract void Fail(Exception cause);

    protected abstract void Cancel(CancellationToken cancellation);
}

internal abstract class GroupedWork<TResult>(CancellationToken cancellation) : GroupedWork(cancellation)
{
    // Completed by the group's own work item, which runs the callers' continuations one after the other: see WorkGroup.
    private readonly TaskCompletionSource<TResult> _answer = new();

    public Task<TResult> Result => _answer.Task;

    public TResult? Outcome { get; set; }

    public override void Complete() => _answer.TrySetResult(Outcome!);

    public override void Fail(Exception cause) => _answer.TrySetException(cause);

    protected override void Cancel(CancellationToken cancellation) => _answer.TrySetCanceled(cancellation);
}

/// <summary>A record to write; null: the readiness check's.</summary>
internal sealed class PendingRecord(RecordWrite? write, CancellationToken cancellation) : GroupedWork<RecordWritten>(cancellation)
{
    public RecordWrite? Write => write;

    /// <summary>The ETag that it gives the record, where it is not refused.</summary>
    public long Next { get; set; }

    public static int ByKey(PendingRecord left, PendingRecord right) =>
        string.CompareOrdinal(left.Write?.Type, right.Write?.Type) is var byType and not 0
            ? byType : string.CompareOrdinal(left.Write?.Key, right.Write?.Key);
}

/// <summary>A record to read.</summary>
internal sealed class PendingRead(string type, string key) : GroupedWork<StoredRecord?>(CancellationToken.None)
{
    public string Type => type;

    public string Key => key;
}
