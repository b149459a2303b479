namespace Fleet.UnitTests.Support;

/// <summary>A clock that moves when the test says so. Timers fire on the thread that moves it, in the order they are due.</summary>
internal sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly SortedSet<ManualTimer> _armed = new(ManualTimer.ByDueTime);
    private DateTimeOffset _now = start;
    private long _lastOrder;

    /// <summary>Starts at noon UTC on 1 January 2026.</summary>
    public ManualTime() : this(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero)) { }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>How many timers wait to fire.</summary>
    public int ArmedTimers { get { lock (_gate) return _armed.Count; } }

    public override DateTimeOffset GetUtcNow() { lock (_gate) return _now; }

    public override long GetTimestamp() { lock (_gate) return _now.UtcTicks; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>
    /// Moves the clock on by <paramref name="by"/>, stopping at each due timer on the way, those that are armed meanwhile included.
    /// Work that a timer hands to another thread may still run when this returns: await what it does.
    /// </summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var until = GetUtcNow() + by;
        while (NextDue(until) is { } timer) timer.Fire();
        lock (_gate) _now = until;
    }

    private ManualTimer? NextDue(DateTimeOffset until)
    {
        lock (_gate)
        {
            if (_armed.Min is not { } timer || timer.DueAt > until) return null;
            _armed.Remove(timer);
            if (timer.DueAt > _now) _now = timer.DueAt;
            if (timer.Period > TimeSpan.Zero) Arm(timer, timer.Period);
            return timer;
        }
    }

    private void Arm(ManualTimer timer, TimeSpan dueTime)
    {
        timer.DueAt = _now + dueTime;
        timer.Order = ++_lastOrder;
        _armed.Add(timer);
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        /// <summary>Timers that are due at the same instant fire in the order they were armed.</summary>
        public static readonly IComparer<ManualTimer> ByDueTime = Comparer<ManualTimer>.Create(
            (a, b) => a.DueAt.CompareTo(b.DueAt) is var order and not 0 ? order : a.Order.CompareTo(b.Order));

        private bool _disposed;

        public DateTimeOffset DueAt { get; set; }

        public long Order { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                if (_disposed) return false;
                time._armed.Remove(this);
                Period = period;
                if (dueTime >= TimeSpan.Zero) time.Arm(this, dueTime);
                return true;
            }
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                _disposed = true;
                time._armed.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
