using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Reminders;

/// <summary>When reminders are due. One timer serves all of them.</summary>
internal sealed class ReminderSchedule : IDisposable
{
    /// <summary>The timer looks again at least this often; system timers take at most 49 days.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly Func<Scheduled, DateTime, Task> _tick;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly Dictionary<(GrainId, string), Scheduled> _current = [];
    private readonly PriorityQueue<Scheduled, DateTime> _due = new();
    private bool _stopped;

    /// <param name="tick">Takes a reminder and the time of its tick, UTC, and never fails.</param>
    public ReminderSchedule(TimeProvider time, Func<TimerCallback, object, ITimer> createTimer, Func<Scheduled, DateTime, Task> tick)
    {
        _time = time;
        _tick = tick;
        _timer = createTimer(static self => ((ReminderSchedule)self!).RunDue(), this);
    }

    /// <summary>A reminder as it is registered now. Once replaced or removed it does not tick any more.</summary>
    public sealed record Scheduled(ReminderEntry Entry)
    {
        /// <summary>The next tick after <paramref name="now"/>: a whole number of periods after the first, so that it never drifts.</summary>
        public DateTime NextAfter(DateTime now) => now < Entry.StartAt
            ? Entry.StartAt
            : Entry.StartAt + TimeSpan.FromTicks((((now - Entry.StartAt).Ticks / Entry.Period.Ticks) + 1) * Entry.Period.Ticks);
    }

    public DateTime Now => _time.GetUtcNow().UtcDateTime;

    public int Count { get { lock (_gate) return _current.Count; } }

    /// <summary>Adds or replaces the grain's reminder of that name.</summary>
    /// <param name="registeredAt">Ticks up to this instant are past. A new reminder may be due at once, one that was read from the table not.</param>
    public void Set(ReminderEntry entry, DateTime registeredAt)
    {
        var scheduled = new Scheduled(entry);
        lock (_gate)
        {
            _current[(entry.GrainId, entry.ReminderName)] = scheduled;
            Enqueue(scheduled, scheduled.NextAfter(registeredAt));
        }
    }

    public void Remove(GrainId grainId, string name)
    {
        lock (_gate) _current.Remove((grainId, name));
    }

    public void Dispose()
    {
        lock (_gate) _stopped = true;
        _timer.Dispose();
    }

    private void RunDue()
    {
        while (TakeDue() is { } due) _ = Run(due);
    }

    private async Task Run(Scheduled scheduled)
    {
        await _tick(scheduled, Now);
        // Only now, so that ticks of one reminder never overlap.
        lock (_gate)
        {
            if (IsCurrent(scheduled)) Enqueue(scheduled, scheduled.NextAfter(Now));
        }
    }

    private Scheduled? TakeDue()
    {
        lock (_gate)
        {
            while (_due.TryPeek(out var scheduled, out var at))
            {
                if (IsCurrent(scheduled) && at > Now) break;
                _due.Dequeue();
                if (IsCurrent(scheduled)) return scheduled;
            }
            SetTimer();
            return null;
        }
    }

    private void Enqueue(Scheduled scheduled, DateTime at)
    {
        bool first = !_due.TryPeek(out _, out var earliest) || at < earliest;
        _due.Enqueue(scheduled, at);
        if (first) SetTimer();
    }

    private void SetTimer()
    {
        if (_stopped || !_due.TryPeek(out _, out var at)) return;
        var wait = at - Now;
        _timer.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : RoundUp(wait), Timeout.InfiniteTimeSpan);
    }

    // System timers count whole milliseconds: one that fires a moment early would only have to be set again.
    private static TimeSpan RoundUp(TimeSpan wait) => TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));

    private bool IsCurrent(Scheduled scheduled) =>
        ReferenceEquals(_current.GetValueOrDefault((scheduled.Entry.GrainId, scheduled.Entry.ReminderName)), scheduled);
}
