using Fleet.Interfaces;

namespace Fleet.Gateway.Journal;

/// <summary>
/// Changes on their way to a store. Each is noted under one short lock and has a position, its page's; while one page is written the next
/// one fills, so that a crowd shares a commit and a lone change waits for none. Those who wait for a page are woken when it is durable,
/// without a task each. A page that cannot be written is tried again until it can, so that store and memory agree; those who wait for it,
/// and for what comes after, are refused meanwhile.
/// </summary>
/// <param name="maxBytes">What may wait before <see cref="Refuses"/> says so.</param>
internal abstract class CommitLog<TPage>(int maxBytes, TimeProvider time) where TPage : CommitPage, new()
{
    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));

    private TPage? _writing;
    private TaskCompletionSource? _idle;
    private long _firstPage = 1, _durable = JournalPosition.LongAgo.Page;
    private volatile bool _failing, _full;
    private bool _running, _closed;

    /// <summary>The store fails, or is too far behind: nothing more should be promised.</summary>
    public bool Refuses => _failing || _full;

    /// <summary>The store fails; otherwise, if it <see cref="Refuses"/>, it is too far behind.</summary>
    public bool IsFailing => _failing;

    /// <summary>Where all that was noted so far is durable.</summary>
    public JournalPosition Position
    {
        get
        {
            lock (Gate)
            {
                return Page.IsUsed ? new(Page.Number)
                    // Nothing has been noted since it began anew.
                    : Page.Number == _firstPage ? JournalPosition.LongAgo : new(Page.Number - 1);
            }
        }
    }

    /// <summary>Held while something is noted on <see cref="Page"/>.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>The page that fills.</summary>
    protected TPage Page { get; private set; } = new() { Number = 1 };

    /// <summary>Nothing is written any more.</summary>
    public void Close()
    {
        lock (Gate) _closed = _failing = true;
        Refuse();
    }

    public JournalOutcome Look(JournalPosition position) =>
        IsForgotten(position) ? JournalOutcome.Refused
        : IsDurable(position) ? JournalOutcome.Durable
        : _failing ? JournalOutcome.Refused : JournalOutcome.Waiting;

    /// <summary>As <see cref="Look(JournalPosition)"/>; while it waits, the waiter is woken when that may have changed.</summary>
    public JournalOutcome Look(JournalPosition position, IJournalWaiter waiter)
    {
        var outcome = Look(position);
        if (outcome != JournalOutcome.Waiting) return outcome;
        lock (Gate)
        {
            outcome = Look(position);
            if (outcome == JournalOutcome.Waiting) PageOf(position).Add(waiter);
            return outcome;
        }
    }

    /// <summary>For what is rare enough for a task: true when it is durable, false when it is refused.</summary>
    public Task<bool> WhenDurable(JournalPosition position)
    {
        lock (Gate)
        {
            return Look(position) switch
            {
                JournalOutcome.Durable => Task.FromResult(true),
                JournalOutcome.Refused => Task.FromResult(false),
                _ => (PageOf(position).Outcome ??= Background.NewSource<bool>()).Task,
            };
        }
    }

    /// <summary>Completes when nothing is left to write.</summary>
    public Task Flushed()
    {
        lock (Gate) return _running ? (_idle ??= Background.NewSource()).Task : Task.CompletedTask;
    }

    /// <summary>Before a page is cut: gives more changes the time to come, or to become unnecessary.</summary>
    protected abstract ValueTask AwaitMore();

    /// <summary>Nothing is noted on the page from here on. Called under the lock.</summary>
    protected abstract void Cut(TPage page);

    /// <summary>Makes a page durable. Repeated, when it is not known whether it is, it does no harm.</summary>
    /// <returns>False: another writer has taken this one's place, and nothing was changed.</returns>
    protected abstract Task<bool> Write(TPage page);

    /// <summary>The first of a row of failures.</summary>
    protected abstract void BeginsToFail(TPage page, Exception cause);

    /// <summary>Another writer has taken this one's place. The log is closed.</summary>
    protected abstract void EndsFenced();

    /// <summary>Begins anew, under the lock: what was noted before is forgotten, and never becomes durable.</summary>
    protected void Restart()
    {
        (Page, _writing) = (new TPage { Number = Page.Number + 1 }, null);
        _firstPage = Page.Number;
        _closed = _failing = _full = false;
    }

    /// <summary>Something was noted. Returns its position. Called under the lock.</summary>
    protected JournalPosition Noted()
    {
        if (!Page.IsUsed) (Page.IsUsed, Page.BegunAt) = (true, time.GetTimestamp());
        _full = IsFull;
        if (!_running && !_closed)
        {
            _running = true;
            // Not on the caller's thread, which may hold a session's lock.
            _ = Background.Run(Run);
        }
        return new(Page.Number);
    }

    protected bool IsDurable(JournalPosition position) => position.Page <= Volatile.Read(ref _durable);

    /// <summary>It was noted before the log began anew, and may never have been written.</summary>
    protected bool IsForgotten(JournalPosition position) =>
        position != JournalPosition.LongAgo && position.Page < Volatile.Read(ref _firstPage);

    /// <summary>The page of a position that is neither durable nor forgotten. Under the lock.</summary>
    protected TPage PageOf(JournalPosition position) => _writing?.Number == position.Page ? _writing : Page;

    protected void Fence()
    {
        Close();
        EndsFenced();
    }

    private bool IsFull => Page.Bytes + (_writing?.Bytes ?? 0) > maxBytes;

    private async Task Run()
    {
        while (true)
        {
            TPage page;
            await AwaitMore();
            lock (Gate)
            {
                if (!Page.IsUsed || _closed)
                {
                    _running = false;
                    Interlocked.Exchange(ref _idle, null)?.SetResult();
                    return;
                }
                page = _writing = Page;
                Page = new TPage { Number = page.Number + 1 };
                Cut(page);
            }
            await WriteUntilDurable(page);
        }
    }

    /// <summary>Returns when the page is durable, or nobody's any more: the log is closed, or has begun anew meanwhile.</summary>
    private async Task WriteUntilDurable(TPage page)
    {
        for (int failures = 1; ; failures++)
        {
            try
            {
                if (await Write(page)) Durable(page);
                else if (IsToBeWritten(page)) Fence();
                return;
            }
            catch (Exception e)
            {
                if (!IsToBeWritten(page)) return;
                if (!_failing) BeginsToFail(page, e);
                lock (Gate) _failing |= _writing == page;
                Refuse();
            }
            await Task.Delay(Pauses.After(failures), time);
            if (!IsToBeWritten(page)) return;
        }
    }

    private bool IsToBeWritten(TPage page)
    {
        lock (Gate) return _writing == page && !_closed;
    }

    private void Durable(TPage page)
    {
        IJournalWaiter[] waiters;
        lock (Gate)
        {
            if (_writing != page) return;
            Volatile.Write(ref _durable, page.Number);
            if (!_closed) _failing = false;
            _writing = null;
            _full = IsFull;
            waiters = page.RemoveWaiters();
        }
        page.Outcome?.SetResult(true);
        foreach (var waiter in waiters) waiter.Wake();
    }

    /// <summary>Those who wait hear that it fails; the changes stay.</summary>
    private void Refuse()
    {
        List<IJournalWaiter> waiters = [];
        List<TaskCompletionSource<bool>> outcomes = [];
        lock (Gate)
        {
            foreach (var page in _writing is null ? [Page] : (TPage[])[_writing, Page])
            {
                waiters.AddRange(page.RemoveWaiters());
                if (page.Outcome is { } outcome) outcomes.Add(outcome);
                page.Outcome = null;
            }
        }
        foreach (var outcome in outcomes) outcome.SetResult(false);
        foreach (var waiter in waiters) waiter.Wake();
    }
}
