using Fleet.Testing.Host.Calls;
using Orleans;

namespace Fleet.Testing.Host.Activations;

/// <summary>Where an activation is in its life, in this order.</summary>
internal enum ActivationPhase : byte { Created, Activating, Active, Deactivating, Ended }

/// <content>The beginning and the end of an activation. Both run in its turns.</content>
internal sealed partial class Activation
{
    private void ActivateIfNew()
    {
        lock (this)
        {
            if (_phase is not ActivationPhase.Created) return;
            _phase = ActivationPhase.Activating;
        }
        Scheduler.Post(static self => _ = ((Activation)self!).Activate(), this);
    }

    private async Task Activate()
    {
        try
        {
            await BringUp();
        }
        catch (Exception e)
        {
            Class.Runtime.Logger.ActivationFailed(GrainId.ToString(), e);
            await DisposeInstance();
            End(e);
            return;
        }
        Class.CountActivation(+1);
        lock (this)
        {
            _phase = ActivationPhase.Active;
            BeginThoseThatMay();
            // The grain asked for its end while it was activated. What came first is still answered, or no request would ever be.
            if (_extras?.EndReason is not null) EndWhenQuiet();
        }
    }

    private async Task BringUp()
    {
        var runtime = Class.Runtime;
        // Who waits when it comes too late is answered with a cancellation, as in Orleans.
        using var timeout = new CancellationTokenSource(runtime.Options.ActivationTimeout, runtime.Time);
        var (instance, records) = Class.Constructor.Construct(this);
        _instance = instance;
        foreach (var record in records) await record.ReadStateAsync(timeout.Token).WaitAsync(timeout.Token);
        if (instance is IGrainBase grain) await InTurn(grain.OnActivateAsync(timeout.Token)).WaitAsync(timeout.Token);
    }

    // A task that answers its waiters on the thread pool would take WaitAsync there and back. Awaited in a turn, it comes back to a turn.
    private static async Task InTurn(Task task) => await task;

    private async Task RunDeactivation()
    {
        var runtime = Class.Runtime;
        var extras = Extras;
        foreach (var timer in extras.Timers.ToArray()) timer.Dispose();
        using var timeout = new CancellationTokenSource(runtime.Options.DeactivationTimeout, runtime.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, extras.EndCancellation);
        try
        {
            if (_instance is IGrainBase grain)
                await InTurn(grain.OnDeactivateAsync(extras.EndReason!.Value, both.Token)).WaitAsync(both.Token);
        }
        catch (Exception e)
        {
            runtime.Logger.DeactivationFailed(GrainId.ToString(), e);
        }
        await DisposeInstance();
        Class.CountActivation(-1);
        End(failure: null);
    }

    private async Task DisposeInstance()
    {
        try
        {
            if (_instance is IAsyncDisposable asyncDisposable) await asyncDisposable.DisposeAsync();
            else (_instance as IDisposable)?.Dispose();
        }
        catch (Exception e)
        {
            Class.Runtime.Logger.DeactivationFailed(GrainId.ToString(), e);
        }
    }

    /// <param name="failure">Why it never came up: what waits is answered with it. Null: what waits goes to the next activation.</param>
    private void End(Exception? failure)
    {
        RequestList orphans;
        lock (this)
        {
            orphans = _waiting;
            _waiting = default;
            // The next activation is in the directory, with what waited, before this one turns anybody away: so the order holds.
            // It begins only then: one that had ended again before it was put there would stay there for ever.
            var next = failure is null ? Successor(ref orphans) : null;
            Class.Replace(this, next);
            next?.ActivateIfNew();
            _phase = ActivationPhase.Ended;
            _extras?.Deactivated.TrySetResult();
        }
        while (orphans.First is { } request)
        {
            orphans.RemoveFirst();
            request.Reject(failure!);
        }
    }

    private Activation? Successor(ref RequestList waiting)
    {
        Activation? next = null;
        while (waiting.First is { } request)
        {
            waiting.RemoveFirst();
            if (request.IsLocal || request.IsAbandoned) continue;
            next ??= new(Class, _key);
            next._waiting.Add(request);
        }
        return next;
    }
}
