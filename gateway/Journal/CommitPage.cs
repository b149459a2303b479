namespace Fleet.Gateway.Journal;

/// <summary>Changes that go to the store together, and who waits for that. Guarded by the log's lock until it is cut.</summary>
internal abstract class CommitPage
{
    private readonly HashSet<IJournalWaiter> _waiters = [];

    /// <summary>The position of all changes on it.</summary>
    public long Number { get; init; }

    /// <summary>Something was noted, even if nothing of it is left to write.</summary>
    public bool IsUsed { get; set; }

    /// <summary>When something was noted first: a timestamp.</summary>
    public long BegunAt { get; set; }

    /// <summary>About what the changes on it hold of memory.</summary>
    public long Bytes { get; protected set; }

    /// <summary>Completes with true when the page is durable, with false when it could not be written so far.</summary>
    public TaskCompletionSource<bool>? Outcome { get; set; }

    public void Add(IJournalWaiter waiter) => _waiters.Add(waiter);

    public IJournalWaiter[] RemoveWaiters()
    {
        IJournalWaiter[] waiters = [.. _waiters];
        _waiters.Clear();
        return waiters;
    }
}
