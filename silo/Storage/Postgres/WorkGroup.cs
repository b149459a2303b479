using System.Threading.Channels;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// Requests that arrive while a round trip is under way share the next one: none waits for company, and a crowd shares a transaction and
/// its fsync. A request is answered after the round trip that holds it, and never before.
/// </summary>
internal sealed class WorkGroup<T> : IAsyncDisposable where T : GroupedWork
{
    private readonly Channel<T> _queue;
    private List<T> _batch = [];
    private readonly int _max;
    private readonly Comparison<T>? _byKey;
    private readonly Func<IReadOnlyList<T>, Task> _run;
    private readonly Func<Exception, bool> _concernsAll;
    private readonly Task _running;
    private List<T> _left = [];
    private long _sequence;

    /// <param name="byKey">
    /// Whose place is whose: no round trip has two requests with the same key, and each has them in order. Null: that does not matter.
    /// </param>
    /// <param name="run">Makes one round trip and sets the outcomes.</param>
    /// <param name="concernsAll">
    /// Whether a failure would have met any request. Otherwise each goes again alone, so that the culprit fails alone.
    /// </param>
    public WorkGroup(StorageOptions options, Comparison<T>? byKey, Func<IReadOnlyList<T>, Task> run, Func<Exception, bool> concernsAll)
    {
        (_byKey, _run, _concernsAll, _max) = (byKey, run, concernsAll, options.MaxBatch);
        _queue = Channel.CreateBounded<T>(new BoundedChannelOptions(options.MaxQueued) { SingleReader = true });
        // Off the scheduler of whoever asked for this first, which may be a grain's.
        _running = Task.Run(Run);
    }

    public int Waiting => _queue.Reader.Count;

    /// <exception cref="StorageException">The service is stopping.</exception>
    public async ValueTask Add(T work, CancellationToken cancellation)
    {
        try
        {
            await _queue.Writer.WriteAsync(work, cancellation).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new StorageException("The storage is closed: the service is stopping.", e);
        }
    }

    /// <summary>Ends when all that was added is answered.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _running;
    }

    private async Task Run()
    {
        while (_left.Count > 0 || await _queue.Reader.WaitToReadAsync())
        {
            Gather();
            if (_batch.Count > 0) await Run(_batch);
        }
    }

    // Takes what is there, and does not wait for more.
    private void Gather()
    {
        (_batch, _left) = (_left, []);
        while (_batch.Count < _max && _queue.Reader.TryRead(out var work))
        {
            work.Sequence = _sequence++;
            if (work.TryBegin()) _batch.Add(work);
        }
        if (_byKey is null) return;
        _batch.Sort((a, b) => _byKey(a, b) is var order and not 0 ? order : a.Sequence.CompareTo(b.Sequence));
        // The second of a key is left for the next round trip.
        int kept = 0;
        for (int i = 0; i < _batch.Count; i++)
        {
            var work = _batch[i];
            if (kept > 0 && _byKey(_batch[kept - 1], work) == 0) _left.Add(work);
            else _batch[kept++] = work;
        }
        _batch.RemoveRange(kept, _batch.Count - kept);
    }

    private async Task Run(List<T> batch)
    {
        try
        {
            await _run(batch);
        }
        catch (Exception e)
        {
            if (batch.Count > 1 && !_concernsAll(e)) foreach (var work in batch) await Run([work]);
            else Answer(batch, new StorageException($"The database did not answer with success: {e.Message}", e));
            return;
        }
        Answer(batch, null);
    }

    // One work item for all: hundreds of them would cost more than the round trip. Continuations run one after another there where the
    // caller gave them no scheduler, and so must not block; those of a grain go to its own turns.
    private static void Answer(List<T> batch, StorageException? failure) => ThreadPool.UnsafeQueueUserWorkItem(
        static answer =>
        {
            foreach (var work in answer.Batch)
            {
                if (answer.Failure is { } failure) work.Fail(failure);
                else work.Complete();
            }
        },
        (Batch: batch, Failure: failure), preferLocal: false);
}

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
