namespace Fleet.Testing.Host.Calls;

/// <summary>A call that is given up when its answer does not come in time. Linked into the list of those that are out.</summary>
internal abstract class TimedCall : Request
{
    public CallDeadlines.Shard? Shard { get; set; }

    public TimedCall? Later { get; set; }

    public TimedCall? Earlier { get; set; }

    /// <summary>A timestamp of the clock.</summary>
    public long DueAt { get; set; }

    /// <summary>The answer did not come in time.</summary>
    public abstract void Expire(TimeSpan timeout);
}

/// <summary>
/// Watches the calls that share one time-out. As all wait equally long, they fall due in the order they came: one linked list and
/// one timer do for all, and a call that is answered in time costs two short locks.
/// </summary>
internal sealed class CallDeadlines
{
    private readonly Shard[] _shards;

    public CallDeadlines(TimeProvider time, TimeSpan timeout) =>
        // More lists than cores, so that threads seldom meet at one.
        _shards = [.. Enumerable.Range(0, Environment.ProcessorCount * 2).Select(_ => new Shard(time, timeout))];

    public void Watch(TimedCall call) => _shards[Environment.CurrentManagedThreadId % _shards.Length].Add(call);

    public static void Forget(TimedCall call) => call.Shard?.Remove(call);

    internal sealed class Shard
    {
        private readonly TimeProvider _time;
        private readonly TimeSpan _timeout;
        private readonly long _timeoutTicks;
        private readonly ITimer _timer;
        private readonly Lock _gate = new();
        private TimedCall? _first;
        private TimedCall? _last;
        private bool _armed;

        public Shard(TimeProvider time, TimeSpan timeout)
        {
            _time = time;
            _timeout = timeout;
            _timeoutTicks = (long)(timeout.TotalSeconds * time.TimestampFrequency);
            using (ExecutionContext.SuppressFlow())
                _timer = time.CreateTimer(static shard => ((Shard)shard!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public void Add(TimedCall call)
        {
            lock (_gate)
            {
                call.Shard = this;
                call.DueAt = _time.GetTimestamp() + _timeoutTicks;
                call.Earlier = _last;
                if (_last is null) _first = call;
                else _last.Later = call;
                _last = call;
                if (_armed) return;
                _armed = true;
                _timer.Change(_timeout, Timeout.InfiniteTimeSpan);
            }
        }

        public void Remove(TimedCall call)
        {
            lock (_gate)
            {
                if (call.Shard is null) return;
                call.Shard = null;
                if (call.Earlier is null) _first = call.Later;
                else call.Earlier.Later = call.Later;
                if (call.Later is null) _last = call.Earlier;
                else call.Later.Earlier = call.Earlier;
                call.Earlier = call.Later = null;
            }
        }

        // The timer is not moved while calls come and go, only when it has fired: then to the oldest call that is still out.
        private void Sweep()
        {
            while (TakeExpired() is { } call) call.Expire(_timeout);
        }

        private TimedCall? TakeExpired()
        {
            lock (_gate)
            {
                if (_first is not { } call)
                {
                    _armed = false;
                    return null;
                }
                long left = call.DueAt - _time.GetTimestamp();
                if (left > 0)
                {
                    // Rounded up: a timer that fires a moment early would have to be set again.
                    var wait = TimeSpan.FromMilliseconds(Math.Ceiling(left * 1000.0 / _time.TimestampFrequency));
                    _timer.Change(wait, Timeout.InfiniteTimeSpan);
                    return null;
                }
                Remove(call);
                return call;
            }
        }
    }
}
