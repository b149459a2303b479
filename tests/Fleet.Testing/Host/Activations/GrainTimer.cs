using Fleet.Testing.Host.Calls;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Activations;

/// <summary>A timer of an activation. A tick is a request like any other; the next one is set when it has ended, so ticks never overlap.</summary>
internal sealed class GrainTimer : Request, IGrainTimer
{
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
        _activation = activation;
        _callback = callback;
        _options = options;
        _timer = activation.Class.Runtime.CreateTimer(static self => ((GrainTimer)self!).Tick(), this);
    }

    public override bool AlwaysInterleaves => _options.Interleave;

    public override bool IsReadOnly => false;

    public override bool KeepsAlive => _options.KeepAlive;

    public override bool IsLocal => true;

    public override bool IsAbandoned => _ended.IsCancellationRequested;

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        GrainRuntime.CheckTimerLength(dueTime, nameof(dueTime));
        GrainRuntime.CheckTimerLength(period, nameof(period));
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
            if (!IsAbandoned || e is not OperationCanceledException)
                _activation.Class.Runtime.Logger.TimerFailed(_activation.GrainId.ToString(), e);
        }
        finally
        {
            Host.Finished(this, null);
            SetNext();
        }
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
