using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Support;

/// <summary>A fake clock that tells how many timers are set on it.</summary>
internal sealed class WatchedTime : FakeTimeProvider
{
    private int _timers;

    public WatchedTime() { }

    public WatchedTime(DateTimeOffset start) : base(start) { }

    /// <summary>Timers that were made and are not disposed; a delay disposes of its own when it ends.</summary>
    public int Timers => Volatile.Read(ref _timers);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, base.CreateTimer(callback, state, dueTime, period));
        Interlocked.Increment(ref _timers);
        return timer;
    }

    private sealed class Timer(WatchedTime time, ITimer timer) : ITimer
    {
        private bool _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

        public void Dispose()
        {
            timer.Dispose();
            if (!Interlocked.Exchange(ref _disposed, true)) Interlocked.Decrement(ref time._timers);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
