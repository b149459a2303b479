using Orleans;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Grains;

/// <summary>
/// One grain in memory: activated by its first call, one turn at a time, ended when idle or on request. Calls that wait when it ends go to
/// the next activation; two activations of one grain never overlap.
/// </summary>
internal sealed class Activation : IGrainContext, IWorkHost
{
    private const string IsKnown = "fleet.known";

    private readonly GrainClass _class;
    private readonly Lock _gate = new();
    private readonly WorkQueue _work;
    private readonly HashSet<GrainTimer> _timers = [];
    private readonly TaskCompletionSource _deactivated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IdleTime _idle;
    private Phase _phase;
    private DeactivationReason? _endReason;
    private CancellationToken _endCancellation;

    public Activation(GrainClass grainClass, IdSpan key)
    {
        _class = grainClass;
        GrainId = GrainId.Create(grainClass.Type, key);
        _work = new(grainClass.IsReentrant);
        Scheduler = new(Runtime.Turns, this);
        _idle = new(Runtime.Settings.Time);
    }

    private enum Phase { Created, Activating, Active, Deactivating, Ended }

    public HostRuntime Runtime => _class.Runtime;

    public GrainId GrainId { get; }

    public object? GrainInstance { get; private set; }

    public TurnScheduler Scheduler { get; }

    public Task Deactivated => _deactivated.Task;

    /// <summary>Neither coming up nor going down.</summary>
    public bool IsActive => _phase is Phase.Active;

    public GrainReference GrainReference => Runtime.Grains.ReferTo(GrainId, _class.MainInterface);
    public ActivationId ActivationId => ActivationId.GetDeterministic(GrainId);
    public GrainAddress Address => new() { GrainId = GrainId, ActivationId = ActivationId };
    public IServiceProvider ActivationServices => Runtime.Services;
    public IGrainLifecycle ObservableLifecycle => throw new NotSupportedException("Only records take part in the life of a grain here.");
    IWorkItemScheduler IGrainContext.Scheduler => Scheduler;

    /// <summary>Takes a work item, in whatever phase.</summary>
    /// <returns>False if this activation has ended: another must be made.</returns>
    public bool TryReceive(WorkItem item)
    {
        lock (_gate)
        {
            if (_phase is Phase.Ended) return false;
            if (_phase is Phase.Active && _work.TryEnter(item)) item.Start(this);
            else _work.Add(item);
            BeginIfNew();
            return true;
        }
    }

    public void Finished(WorkItem item, Exception? failure)
    {
        lock (_gate)
        {
            _work.Exit(item);
            if (item.KeepsAlive) _idle.Begin();
            if (_phase is Phase.Active) StartWaiting();
            else if (_phase is Phase.Deactivating && _work.IsQuiet) PostEnd();
        }
        // Its record is not what is stored. The next activation reads it afresh.
        if (failure is not InconsistentStateException conflict || conflict.Data.Contains(IsKnown)) return;
        conflict.Data[IsKnown] = true;
        Deactivate(new(DeactivationReasonCode.ApplicationError, conflict, "The record was written by somebody else."));
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_endReason is not null) return;
            (_endReason, _endCancellation) = (deactivationReason, cancellationToken);
            if (_phase is Phase.Active) EndWhenQuiet();
        }
    }

    public void DelayDeactivation(TimeSpan timeSpan)
    {
        lock (_gate) _idle.Excuse(timeSpan);
    }

    /// <summary>Ends it if it has not been used for the collection age.</summary>
    public void EndIfIdle()
    {
        lock (_gate)
        {
            if (_phase is not Phase.Active || !_work.IsQuiet || !_idle.HasLasted(_class.CollectionAge)) return;
        }
        Deactivate(new(DeactivationReasonCode.ActivationIdle, "No call came for the collection age."));
    }

    public GrainTimer RegisterTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        var timer = new GrainTimer(this, callback, options);
        lock (_gate)
        {
            if (_phase is Phase.Ended) throw new InvalidOperationException($"The activation of {GrainId} has ended.");
            _timers.Add(timer);
        }
        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Forget(GrainTimer timer)
    {
        lock (_gate) _timers.Remove(timer);
    }

    public object? GetTarget() => GrainInstance;
    public object? GetComponent(Type componentType) => null;
    public void SetComponent<TComponent>(TComponent? value) where TComponent : class => throw new NotSupportedException();
    public void ReceiveMessage(object message) => throw new NotSupportedException();
    void IGrainContext.Activate(Dictionary<string, object>? context, CancellationToken cancellation) => throw new NotSupportedException();
    public void Rehydrate(IRehydrationContext context) => throw new NotSupportedException();
    void IGrainContext.Migrate(Dictionary<string, object>? context, CancellationToken cancellation) => throw new NotSupportedException();
    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);
    public override string ToString() => $"{GrainId} ({_phase})";

    private void BeginIfNew()
    {
        if (_phase is not Phase.Created) return;
        _phase = Phase.Activating;
        Scheduler.Post(static self => _ = ((Activation)self!).Begin(), this);
    }

    private async Task Begin()
    {
        try
        {
            await BringUp();
        }
        catch (Exception e)
        {
            Runtime.Log.ActivationFailed(GrainId.ToString(), e);
            EndTimers();
            await DisposeInstance();
            End(e);
            return;
        }
        lock (_gate)
        {
            _phase = Phase.Active;
            StartWaiting(opening: true);
            // The grain asked for its end while it was activated. What came first is still answered, or no call ever would be.
            if (_endReason is not null) EndWhenQuiet();
        }
    }

    private async Task BringUp()
    {
        // A caller whose activation takes too long gets a cancellation, as in Orleans.
        using var timeout = new CancellationTokenSource(Runtime.Settings.ActivationTimeout, Runtime.Settings.Time);
        (GrainInstance, var records) = _class.Constructor.Construct(this);
        foreach (var record in records) await record.ReadStateAsync(timeout.Token).WaitAsync(timeout.Token);
        await InTurn(((IGrainBase)GrainInstance).OnActivateAsync(timeout.Token)).WaitAsync(timeout.Token);
    }

    // A task that answers its waiters on the thread pool would take WaitAsync there and back. Awaited in a turn, it comes back to a turn.
    private static async Task InTurn(Task task) => await task;

    private void StartWaiting(bool opening = false)
    {
        foreach (var item in _work.Startable(opening)) item.Start(this);
    }

    private void EndWhenQuiet()
    {
        _phase = Phase.Deactivating;
        if (_work.IsQuiet) PostEnd();
    }

    private void PostEnd() => Scheduler.Post(static self => _ = ((Activation)self!).TakeDown(), this);

    private async Task TakeDown()
    {
        EndTimers();
        using var timeout = new CancellationTokenSource(Runtime.Settings.DeactivationTimeout, Runtime.Settings.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _endCancellation);
        try
        {
            await InTurn(((IGrainBase)GrainInstance!).OnDeactivateAsync(_endReason!.Value, both.Token)).WaitAsync(both.Token);
        }
        catch (Exception e)
        {
            Runtime.Log.DeactivationFailed(GrainId.ToString(), e);
        }
        await DisposeInstance();
        End(failure: null);
    }

    private void EndTimers()
    {
        foreach (var timer in _timers.ToArray()) timer.Dispose();
    }

    private async Task DisposeInstance()
    {
        try
        {
            if (GrainInstance is IAsyncDisposable asyncDisposable) await asyncDisposable.DisposeAsync();
            else (GrainInstance as IDisposable)?.Dispose();
        }
        catch (Exception e)
        {
            Runtime.Log.DeactivationFailed(GrainId.ToString(), e);
        }
    }

    /// <param name="failure">Why it never came up: what waits is answered with it. Null: what waits goes to the next activation.</param>
    private void End(Exception? failure)
    {
        List<(WorkItem Item, Exception Reason)> rejected = [];
        lock (_gate)
        {
            Activation? next = null;
            foreach (var item in _work.RemoveAll().Where(item => !item.IsAbandoned && !item.IsLocal))
            {
                var reason = failure ?? Runtime.Settings.Faults?.RejectionOf($"{item}", isForwarded: true);
                if (reason is not null) rejected.Add((item, reason));
                else (next ??= new(_class, GrainId.Key))._work.Add(item);
            }
            // The next activation is in the directory, with what waited, before this one turns calls away: so they keep their order. It
            // begins only then: one that had ended again before it was put there would stay there for ever.
            _class.Replace(this, next);
            next?.BeginIfNew();
            _phase = Phase.Ended;
        }
        foreach (var (item, reason) in rejected) item.Reject(reason);
        _deactivated.SetResult();
    }
}
