using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Failover;

/// <summary>
/// Tells <see cref="FailoverCore"/> what this gateway hears of dead ones, and does what it says: one effect after the other, whoever
/// brought the event, so that nobody waits for another's.
/// </summary>
internal sealed class SessionFailover(
    FailoverStore store, SessionRestore restore, TakenOverSessions sessions, SessionJournal journal, Broker broker, Routes routes,
    Peers peers, GatewayIdentity gateway, GatewayClock clock, ILogger<SessionFailover> log) : ISessionArrivals, IFailoverFrames
{
    private readonly Lock _gate = new();
    private readonly Queue<FailoverEffect> _effects = new();
    private readonly Dictionary<string, RemoteGateway> _gateways = new(StringComparer.Ordinal);
    private volatile FailoverState _state = new();
    private volatile ImmutableHashSet<string> _predecessors = [];
    private TaskCompletionSource? _collected;
    private bool _running;

    public bool IsLoading => _state.IsLoading;

    public bool IsPredecessor(string gatewayId) => _predecessors.Contains(gatewayId);

    /// <summary>
    /// Begins as an owner of sessions, with those that were here before, and those that gateways of this name left. Before the first
    /// connection, and before other gateways are met.
    /// </summary>
    public async Task Begin(string? name, CancellationToken cancellation)
    {
        var owner = await restore.Begin(name, cancellation);
        _predecessors = [.. owner.Predecessors];
        var (stored, parts) = await store.ClaimOwn(owner, cancellation);
        sessions.AddOwn(stored, parts);
        Hear(new FailoverEvent.Begun(gateway.Id, owner.Number, parts));
    }

    /// <summary>This gateway begins anew: what it had, or was about to have, is another's.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _effects.Clear();
            _gateways.Clear();
            Hear(new FailoverEvent.TakenForDead());
            _collected?.TrySetResult();
            _collected = null;
        }
        sessions.Clear();
    }

    /// <summary>Whether it is the successor of a gateway, and has all that was in the store.</summary>
    public bool Has(string dead) => _state.Of(dead) is { IsAnnounced: true };

    /// <summary>Never to be met again: an id is good for one life.</summary>
    public bool IsDead(string gatewayId) => _state.Dead.Contains(gatewayId);

    public void Meet(RemoteGateway peer)
    {
        lock (_gate) _gateways[peer.Id] = peer;
        Hear(new FailoverEvent.PeerCame(peer.Id));
    }

    public void MetAll() => Hear(new FailoverEvent.AllMet());

    public void Die(string gatewayId) => Hear(new FailoverEvent.PeerDied(gatewayId));

    /// <summary>It was dead before this gateway met it, and its sessions are nowhere yet.</summary>
    public void AddUnknown(RemoteGateway unknown)
    {
        lock (_gate)
        {
            if (_gateways.ContainsKey(unknown.Id)) return;
            _gateways.Add(unknown.Id, unknown);
        }
        // Though it is known to be dead: this gateway may have been asked to take over from it, and is not to open before it has.
        peers.Die(unknown);
        Hear(new FailoverEvent.PeerDied(unknown.Id));
    }

    /// <summary>Its successor, or the gateway registry, has said that nothing is for the dead gateway any more.</summary>
    public void Complete(string gatewayId) => Hear(new FailoverEvent.Completed(gatewayId));

    public void Receive(RemoteGateway sender, LinkFrame.Successor frame) => Hear(new FailoverEvent.SuccessorNamed(sender.Id, frame.Dead));

    public void Receive(RemoteGateway sender, LinkFrame.HandedOver frame) => Hear(new FailoverEvent.HandedOver(sender.Id, frame.Dead[0]));

    public void Receive(LinkFrame.FailedOver frame) => Complete(frame.Dead);

    public JournalPosition Receive(LinkFrame.Redirected frame, LinkMark from) => broker.Deliver(frame, from, clock.NowMs);

    /// <summary>Goes on with what a dead gateway left, and says how far that is. Waits for nothing.</summary>
    /// <exception cref="InvalidOperationException">This gateway is fenced itself.</exception>
    public FailoverProgress TakeOverFrom(string dead)
    {
        var before = _state;
        Hear(new FailoverEvent.Asked(dead));
        return FailoverCore.ProgressOf(before, dead);
    }

    /// <summary>
    /// Returns when the sessions that are taken over take messages from all: what is published before for a shared subscription whose
    /// members are among them alone has no receiver.
    /// </summary>
    public Task WhenCollected()
    {
        lock (_gate) return _state.IsCollecting ? (_collected ??= Background.NewSource()).Task : Task.CompletedTask;
    }

    public void Sweep() => Hear(new FailoverEvent.Swept());

    private void Hear(FailoverEvent e)
    {
        lock (_gate)
        {
            (_state, var effects) = FailoverCore.Step(_state, e, clock.NowMs);
            // At once: the next frame of a gateway that has handed over is for these sessions too.
            foreach (var (head, takeover) in _state.Takeovers) sessions.OpenTo(head, takeover.HandedOver);
            foreach (var effect in effects) _effects.Enqueue(effect);
            if (_running || _effects.Count == 0) return;
            _running = true;
        }
        while (Next() is { } effect)
        {
            try
            {
                Do(effect);
            }
            catch (Exception e2)
            {
                // A fault of ours with one of them, which must not stop the others.
                log.FailoverEffectFailed(effect.GetType().Name, e2);
            }
        }
    }

    private FailoverEffect? Next()
    {
        lock (_gate)
        {
            if (_effects.TryDequeue(out var effect)) return effect;
            _running = false;
            return null;
        }
    }

    private void Do(FailoverEffect effect)
    {
        switch (effect)
        {
            case FailoverEffect.ToStore question: _ = Ask(question); break;
            case FailoverEffect.TakeIn take: TakeIn(take); break;
            case FailoverEffect.TellAll tell: _ = TellAll(tell); break;
            case FailoverEffect.Supersede supersede: sessions.Supersede(supersede.Sessions); break;
            case FailoverEffect.Open open: Open(open.Head); break;
            case FailoverEffect.OpenHere open: sessions.OpenHere(open.Head); break;
            case FailoverEffect.EndDedup end: sessions.EndDedup(end.Head); break;
            case FailoverEffect.Post post: _ = Find(post.To)?.Link.Post(post.Frame); break;
            case FailoverEffect.Meet { GatewayId: var id } when Find(id) is { } met: routes.Meet(met); break;
            case FailoverEffect.Bar { Dead: var id } when Find(id) is { } barred: peers.Die(barred); break;
            case FailoverEffect.Redirect redirect: Redirect(redirect); break;
            case FailoverEffect.BeginAnew: journal.BeFenced(); break;
            case FailoverEffect.Forget { Dead: var id } when peers.FindDead(id) is { } dead: Forget(dead); break;
        }
    }

    /// <summary>Puts a question to the store; what cannot be known now is for the core to ask again.</summary>
    private async Task Ask(FailoverEffect.ToStore question)
    {
        // Not on the caller's thread, which may hold a link's lock.
        await Task.Yield();
        FailoverEvent answer;
        try
        {
            if (question.AfterMs > 0) await Task.Delay(TimeSpan.FromMilliseconds(question.AfterMs), clock.Time);
            var asking = _state;
            if (asking.Life != question.Life || asking.Owner is not { } owner) return;
            answer = await store.Ask(owner, question);
        }
        catch (Exception e)
        {
            log.SessionsNotInherited(question.Head, e);
            answer = new FailoverEvent.StoreFailed(question.Life, question.Head);
        }
        Hear(answer);
    }

    private void TakeIn(FailoverEffect.TakeIn take)
    {
        if (sessions.TryAdd(take, () => _state.Life != take.Life)) Hear(new FailoverEvent.TakenIn(take.Life, take.Head));
    }

    private void Open(string head)
    {
        sessions.Open(head);
        lock (_gate)
        {
            if (_state.IsCollecting) return;
            _collected?.TrySetResult();
            _collected = null;
        }
    }

    private void Redirect(FailoverEffect.Redirect redirect)
    {
        ISuccessor? successor = redirect.To is null ? new LocalSuccessor(broker, journal, clock)
            : Find(redirect.To) is { } other ? new RemoteSuccessor(other.Link) : null;
        if (successor is not null) Find(redirect.Dead)?.Link.RedirectTo(successor, redirect.StoredUpTo);
    }

    private async Task TellAll(FailoverEffect.TellAll tell)
    {
        var told = peers.All.SelectMany(peer => tell.Dead.Select(dead => peer.Link.Post(new LinkFrame.FailedOver(dead)))).ToArray();
        await Task.WhenAll(told).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Hear(new FailoverEvent.Told(tell.Life, tell.Head));
    }

    private void Forget(RemoteGateway dead)
    {
        broker.Forget(dead);
        peers.Remove(dead);
        lock (_gate) _gateways.Remove(dead.Id);
    }

    private RemoteGateway? Find(string gatewayId)
    {
        lock (_gate) return _gateways.GetValueOrDefault(gatewayId);
    }
}
