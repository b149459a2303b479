using System.Collections.Concurrent;

namespace Fleet.Testing.Grains;

/// <summary>A call that is given up when its answer does not come in time.</summary>
internal abstract class TimedCall : WorkItem
{
    /// <summary>Its place among the calls that are out.</summary>
    public LinkedListNode<(TimedCall Call, long DueAt)>? Deadline { get; set; }

    public abstract void Expire(TimeSpan timeout);
}

/// <summary>
/// Gives up calls that get no answer. Calls of one time-out fall due in the order they came: one list and one timer do for all of them.
/// </summary>
internal sealed class CallDeadlines(TimeProvider time)
{
    private readonly ConcurrentDictionary<TimeSpan, Line> _lines = new();

    public void Watch(TimedCall call, TimeSpan timeout)
    {
        if (timeout != Timeout.InfiniteTimeSpan) _lines.GetOrAdd(timeout, static (timeout, time) => new(time, timeout), time).Add(call);
    }

    public static void Forget(TimedCall call)
    {
        if (call.Deadline is not { List: { } line } node) return;
        lock (line)
        {
            if (node.List is not null) line.Remove(node);
        }
    }

    private sealed class Line
    {
        private readonly TimeProvider _time;
        private readonly TimeSpan _timeout;
        private readonly ITimer _timer;
        private readonly LinkedList<(TimedCall Call, long DueAt)> _calls = [];
        private bool _armed;

        public Line(TimeProvider time, TimeSpan timeout)
        {
            (_time, _timeout) = (time, timeout);
            _timer = time.CreateIdleTimer(static self => ((Line)self!).Sweep(), this);
        }

        public void Add(TimedCall call)
        {
            lock (_calls)
            {
                call.Deadline = _calls.AddLast((call, _time.GetTimestamp() + (long)(_timeout.TotalSeconds * _time.TimestampFrequency)));
                if (_armed) return;
                _armed = true;
                _timer.Change(_timeout, Timeout.InfiniteTimeSpan);
            }
        }

        // The timer is not moved while calls come and go, only when it has fired: then to the oldest call that is still out.
        private void Sweep()
        {
            while (RemoveExpired() is { } call) call.Expire(_timeout);
        }

        private TimedCall? RemoveExpired()
        {
            lock (_calls)
            {
                if (_calls.First is not { } oldest)
                {
                    _armed = false;
                    return null;
                }
                long left = oldest.Value.DueAt - _time.GetTimestamp();
                if (left > 0)
                {
                    // Rounded up: a timer that fires a moment early would have to be set again.
                    double milliseconds = Math.Ceiling(left * 1000.0 / _time.TimestampFrequency);
                    _timer.Change(TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);
                    return null;
                }
                _calls.Remove(oldest);
                return oldest.Value.Call;
            }
        }
    }
}

internal static class TimerCreation
{
    /// <summary>A timer that is not set yet and carries nothing over from the code that makes it.</summary>
    public static ITimer CreateIdleTimer(this TimeProvider time, TimerCallback callback, object state)
    {
        if (ExecutionContext.IsFlowSuppressed()) return Create();
        using (ExecutionContext.SuppressFlow()) return Create();

        ITimer Create() => time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
