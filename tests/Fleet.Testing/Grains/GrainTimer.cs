using Orleans.Runtime;

namespace Fleet.Testing.Grains;

/// <summary>
/// A timer of an activation. A tick is a work item like any other; the next one is set when it has ended, so ticks never overlap.
/// </summary>
internal sealed class GrainTimer : WorkItem, IGrainTimer
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly GrainTimerCreationOptions _options;
    private readonly CancellationTokenSource _ended = new();
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private TimeSpan _period;
    private TimeSpan? _changedDueTime;
    private bool _ticking;

    public GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        (_activation, _callback, _options) = (activation, callback, options);
        _timer = activation.Runtime.Settings.Time.CreateIdleTimer(static self => ((GrainTimer)self!).Tick(), this);
    }

    public override bool AlwaysInterleaves => _options.Interleave;

    public override bool KeepsAlive => _options.KeepAlive;

    public override bool IsLocal => true;

    public override bool IsAbandoned => _ended.IsCancellationRequested;

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, nameof(dueTime));
        Check(period, nameof(period));
        lock (_gate)
        {
            _period = period;
            // During a tick, the change takes effect when it has ended.
            if (_ticking) _changedDueTime = dueTime;
            else _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        _activation.Forget(this);
        _timer.Dispose();
        _ended.Cancel();
    }

    public override void Reject(Exception reason) => Dispose();

    protected override async Task Run()
    {
        try
        {
            if (!IsAbandoned) await _callback(_ended.Token);
        }
        catch (Exception e)
        {
            if (!IsAbandoned || e is not OperationCanceledException) _activation.Runtime.Log.TimerFailed(_activation.GrainId.ToString(), e);
        }
        finally
        {
            _activation.Finished(this, null);
            SetNext();
        }
    }

    private static void Check(TimeSpan length, string name)
    {
        if (length == Timeout.InfiniteTimeSpan) return;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Longest, name);
    }

    private void Tick()
    {
        lock (_gate) _ticking = true;
        _activation.TryReceive(this);
    }

    private void SetNext()
    {
        lock (_gate)
        {
            _ticking = false;
            if (!IsAbandoned) _timer.Change(_changedDueTime ?? _period, Timeout.InfiniteTimeSpan);
            _changedDueTime = null;
        }
    }
}
