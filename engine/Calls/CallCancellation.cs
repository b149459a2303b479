using Fleet.Engine.Turns;

namespace Fleet.Engine.Calls;

/// <summary>Carries a caller's cancellation into the turns of the grain: what the grain has registered on its token runs there.</summary>
// Not disposable: without timers or wait handles there is nothing to free, and the registration goes with End.
#pragma warning disable CA1001
internal sealed class CallCancellation
#pragma warning restore CA1001
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _registration;
    private readonly Lock _gate = new();
    private TurnScheduler? _scheduler;
    private bool _canceled;
    private bool _ended;

    /// <param name="giveUp">Called at once, on the thread that cancels.</param>
    public CallCancellation(Action<CancellationToken> giveUp, CancellationToken token) => _registration = token.UnsafeRegister(
        static (state, token) =>
        {
            var (self, giveUp) = ((CallCancellation, Action<CancellationToken>))state!;
            giveUp(token);
            self.Cancel();
        },
        (this, giveUp));

    /// <summary>The token the grain gets.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The request starts, in a turn of <paramref name="scheduler"/>.</summary>
    public void Bind(TurnScheduler scheduler)
    {
        lock (_gate)
        {
            _scheduler = scheduler;
            if (!_canceled) return;
        }
        CancelInTurn();
    }

    /// <summary>The caller no longer waits, so that it cannot cancel either. As in Orleans, the request runs on.</summary>
    public void StopListening() => _registration.Unregister();

    /// <summary>The request has ended: nobody in the grain looks at the token any more.</summary>
    public void End()
    {
        lock (_gate) _ended = true;
        StopListening();
    }

    private void Cancel()
    {
        TurnScheduler? scheduler;
        lock (_gate)
        {
            _canceled = true;
            scheduler = _scheduler;
        }
        scheduler?.Post(static self => ((CallCancellation)self!).CancelInTurn(), this);
    }

    private void CancelInTurn()
    {
        lock (_gate) if (_ended) return;
        _source.Cancel();
    }
}
