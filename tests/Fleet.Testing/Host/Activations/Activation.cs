using Fleet.Testing.Host.Calls;
using Fleet.Testing.Host.Turns;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Host.Activations;

/// <summary>
/// One grain in memory: activated by its first request, one turn at a time, ended when idle or on request. Requests that wait when it
/// ends go to the next activation, in the same order; two activations of one grain never overlap.
/// </summary>
internal sealed partial class Activation : IGrainContext, IRequestHost
{
    private const string SourceKnown = "fleet.source";

    // A fleet has a million of these: fields are few, and what is rarely needed sits in Extras. State and lists are guarded
    // by the lock on this object, which is held for a few instructions and never while grain code runs.
    private readonly string _key;
    private object? _instance;
    private ActivationExtras? _extras;
    private RequestList _waiting;
    private RequestGate _gate;
    private int _usedAtSweep;
    private ActivationPhase _phase;

    public Activation(GrainClass grainClass, string key)
    {
        Class = grainClass;
        _key = key;
        Scheduler = new(grainClass.Runtime.Executor, this);
        _usedAtSweep = grainClass.Runtime.IdleSweep;
    }

    public GrainClass Class { get; }

    public TurnScheduler Scheduler { get; }

    public string Key => _key;

    public GrainId GrainId => Class.IdOf(_key);

    public object? GrainInstance => _instance;

    public IServiceProvider ActivationServices => Class.Runtime.Services;

    public Task Deactivated
    {
        get { lock (this) return _phase is ActivationPhase.Ended ? Task.CompletedTask : Extras.Deactivated.Task; }
    }

    object IRequestHost.Instance => _instance!;

    private ActivationExtras Extras => _extras ??= new();

    /// <summary>Takes a request, in whatever phase.</summary>
    /// <returns>False if this activation has ended: another must be made.</returns>
    public bool TryReceive(Request request)
    {
        lock (this)
        {
            switch (_phase)
            {
                case ActivationPhase.Ended:
                    return false;
                case ActivationPhase.Active when _gate.MayStart(request, Class.IsReentrant):
                    Begin(request);
                    return true;
            }
            _waiting.Add(request);
            ActivateIfNew();
            return true;
        }
    }

    public void Finished(Request request, Exception? failure)
    {
        lock (this)
        {
            _gate.Exit(request);
            if (request.KeepsAlive) _usedAtSweep = Class.Runtime.IdleSweep;
            if (_phase is ActivationPhase.Active) BeginThoseThatMay();
            else if (_phase is ActivationPhase.Deactivating && _gate.IsEmpty) PostDeactivation();
        }
        // Its record is not what is stored. The next activation reads it afresh.
        if (failure is not InconsistentStateException conflict || conflict.Data.Contains(SourceKnown)) return;
        conflict.Data[SourceKnown] = true;
        Deactivate(new(DeactivationReasonCode.ApplicationError, conflict, "The record was written by somebody else."));
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        lock (this)
        {
            if (_phase is ActivationPhase.Deactivating or ActivationPhase.Ended) return;
            if (Extras.EndReason is not null) return;
            Extras.EndReason = deactivationReason;
            Extras.EndCancellation = cancellationToken;
            if (_phase is ActivationPhase.Active) EndWhenQuiet();
        }
    }

    public void DelayDeactivation(TimeSpan timeSpan)
    {
        var now = Class.Runtime.Time.GetUtcNow();
        lock (this)
        {
            Extras.KeepUntil = timeSpan < TimeSpan.Zero && timeSpan != Timeout.InfiniteTimeSpan ? DateTimeOffset.MinValue
                : timeSpan == Timeout.InfiniteTimeSpan || timeSpan > DateTimeOffset.MaxValue - now ? DateTimeOffset.MaxValue
                : now + timeSpan;
        }
    }

    public IGrainTimer RegisterTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        var timer = new GrainTimer(this, callback, options);
        lock (this)
        {
            if (_phase is ActivationPhase.Ended) throw new InvalidOperationException($"The activation of {GrainId} has ended.");
            Extras.Timers.Add(timer);
        }
        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Forget(GrainTimer timer)
    {
        lock (this) _extras?.Timers.Remove(timer);
    }

    /// <summary>Ends this activation if it has not been used since <paramref name="sweep"/>.</summary>
    public void EndIfIdleSince(int sweep, DateTimeOffset now)
    {
        lock (this)
        {
            if (_phase is not ActivationPhase.Active || !_gate.IsEmpty || _usedAtSweep > sweep || _extras?.KeepUntil > now) return;
        }
        Deactivate(new(DeactivationReasonCode.ActivationIdle, "No request came for the collection age."));
    }

    // What of Orleans' context grains do not ask for.
    public GrainReference GrainReference => Class.Runtime.References.To(GrainId, Class.MainInterface);
    public ActivationId ActivationId => ActivationId.GetDeterministic(GrainId);
    public GrainAddress Address => new() { GrainId = GrainId, ActivationId = ActivationId };
    public IGrainLifecycle ObservableLifecycle => throw new NotSupportedException("Nothing but the record takes part in the life of a grain here.");
    IWorkItemScheduler IGrainContext.Scheduler => Scheduler;
    public object? GetTarget() => _instance;
    public object? GetComponent(Type componentType) => null;
    public TComponent? GetComponent<TComponent>() where TComponent : class => null;
    public void SetComponent<TComponent>(TComponent? value) where TComponent : class => throw new NotSupportedException();
    public void ReceiveMessage(object message) => throw new NotSupportedException();
    void IGrainContext.Activate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();
    public void Rehydrate(IRehydrationContext context) => throw new NotSupportedException();
    public void Migrate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public override string ToString() => $"{GrainId} ({_phase})";

    private void Begin(Request request)
    {
        _gate.Enter(request, Class.IsReentrant);
        request.Start(this);
    }

    private void BeginThoseThatMay()
    {
        if (_gate.IsShut) return;
        RequestList held = default;
        while (_waiting.First is { } request)
        {
            // Behind one that writes nothing may start: without one that waited before it, the rest stays as it is.
            if (_gate.IsShut && held.First is null) return;
            _waiting.RemoveFirst();
            if (request.IsAbandoned) continue;
            if (_gate.MayStart(request, Class.IsReentrant)) Begin(request);
            else held.Add(request);
        }
        _waiting = held;
    }

    private void EndWhenQuiet()
    {
        _phase = ActivationPhase.Deactivating;
        if (_gate.IsEmpty) PostDeactivation();
    }

    private void PostDeactivation() => Scheduler.Post(static self => _ = ((Activation)self!).RunDeactivation(), this);
}
