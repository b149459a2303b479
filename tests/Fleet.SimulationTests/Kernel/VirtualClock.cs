using Fleet.Testing.Grains;

namespace Fleet.SimulationTests.Kernel;

/// <summary>
/// Time that stands still while anything is ready to run, and then moves to the next timer. What falls due together fires in the order it
/// was set.
/// </summary>
internal sealed class VirtualClock
{
    private static readonly DateTimeOffset Start = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<(Timer Timer, long Order), (long DueAt, long Order)> _due = new();
    private long _order;

    /// <summary>Since the beginning: what timers follow. Never goes back.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>How far the wall clock was moved by hand, or by a time server.</summary>
    public TimeSpan WallOffset { get; set; }

    public DateTimeOffset Wall => Start + Elapsed + WallOffset;

    /// <summary>What the first callback to fail failed with: nobody waits for a timer, so whoever moves the clock has to look.</summary>
    public Exception? Failure { get; private set; }

    public void Fail(Exception failure) => Failure ??= failure;

    /// <summary>Moves to the next timer, and posts it.</summary>
    /// <returns>False when no timer is set.</returns>
    public bool Advance()
    {
        while (_due.TryDequeue(out var next, out var due))
        {
            if (next.Timer.Order != next.Order) continue;
            Elapsed = TimeSpan.FromTicks(Math.Max(due.DueAt, Elapsed.Ticks));
            next.Timer.Fire();
            return true;
        }
        return false;
    }

    /// <summary>The clock as one process reads it. Its timers die with the process.</summary>
    /// <param name="inTurns">
    /// Timers fire in turns, so that what they start may wait for grains; false: within <see cref="Advance"/>, when nothing else runs,
    /// which costs less and comes to the same for callbacks that wait for nothing.
    /// </param>
    public sealed class ProcessTime(VirtualClock clock, SeededTurns.Process process, bool inTurns = true) : TimeProvider
    {
        private readonly TurnScheduler _turns = new(process);

        public SeededTurns.Process Process => process;

        /// <summary>How far the wall clock of this process is from the world's.</summary>
        public TimeSpan WallOffset { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => clock.Wall + WallOffset;

        public override long GetTimestamp() => clock.Elapsed.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(clock, this, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }

        /// <summary>Runs <paramref name="action"/> later, when nothing is ready to run, unless the timer is disposed before.</summary>
        public Timer After(TimeSpan delay, Action action)
        {
            var timer = new Timer(clock, this, static action => ((Action)action!)(), action);
            timer.Change(delay < TimeSpan.Zero ? TimeSpan.Zero : delay, Timeout.InfiniteTimeSpan);
            return timer;
        }

        /// <summary>Runs <paramref name="action"/> in a turn.</summary>
        public void Post(Action action) => _turns.Post(static action => ((Action)action!)(), action);

        public void Due(Timer timer)
        {
            if (inTurns) _turns.Post(static timer => ((Timer)timer!).Run(), timer);
            else timer.Run();
        }
    }

    public sealed class Timer(VirtualClock clock, ProcessTime time, TimerCallback callback, object? state) : ITimer
    {
        private static readonly TimerCallback Nothing = static _ => { };

        private TimerCallback _callback = callback;
        private object? _state = state;
        private TimeSpan _period;
        private bool _disposed;

        /// <summary>Of the entry in the queue that counts; 0 for none.</summary>
        public long Order { get; private set; }

        public void Fire()
        {
            Order = 0;
            if (time.Process.IsDead) return;
            if (_period > TimeSpan.Zero) Arm(_period);
            time.Due(this);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_disposed) return false;
            (_period, Order) = (period, 0);
            if (dueTime >= TimeSpan.Zero) Arm(dueTime);
            return true;
        }

        public void Dispose()
        {
            (_disposed, Order) = (true, 0);
            // Its place in the queue stays until it would have been due.
            (_callback, _state) = (Nothing, null);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        public void Run()
        {
            if (_disposed) return;
            try { _callback(_state); }
            catch (Exception e) { clock.Fail(e); }
        }

        private void Arm(TimeSpan dueTime)
        {
            Order = ++clock._order;
            clock._due.Enqueue((this, Order), ((clock.Elapsed + dueTime).Ticks, Order));
        }
    }
}
