using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// What this gateway goes on with in the place of dead ones (docs/adr/0011-gateway-failover.md). It takes their sessions from the store,
/// all at once, as sessions whose clients are away; tells the others, who hand over what they had for the dead; then subscribes in its own
/// name.
/// </summary>
internal sealed class SessionFailover(
    ISessionStore store, SessionRestore sessions, SessionJournal journal, Broker broker, Routes routes, Peers peers,
    DeadGateways deadGateways, GatewayIdentity gateway, GatewayClock clock, ILogger<SessionFailover> log)
{
    /// <summary>
    /// How long a message that comes late is known for one that came before, and a gateway that is met late hears of its dead.
    /// </summary>
    private const long LingerMs = 60_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, FailoverState> _failovers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task<FailoverProgress>> _takingOver = new(StringComparer.Ordinal);
    private int _loading;

    /// <summary>Which of this gateway's lives: it begins anew when it was taken for dead.</summary>
    private int _life;
    private bool _isBetweenLives;

    /// <summary>
    /// Begins as an owner of sessions, with those that were here before, and those that gateways of this name left. Before the first
    /// connection, and before other gateways are met.
    /// </summary>
    public async Task Begin(string? name, CancellationToken cancellation)
    {
        var (owner, inherited) = await sessions.Begin(name, cancellation);
        foreach (string dead in owner.Predecessors)
        {
            var left = await store.Inherit(owner.Number, dead, cancellation);
            lock (_gate) _failovers[dead] = new FailoverState(dead, inherited, left.Marks) { DedupEndsAt = clock.NowMs + LingerMs };
        }
        lock (_gate) _isBetweenLives = false;
    }

    /// <summary>Whether it is the successor of a gateway, and has all that was in the store.</summary>
    public bool Has(string dead)
    {
        lock (_gate) return _failovers.ContainsKey(dead);
    }

    /// <summary>Meets a gateway that has come: it hears who is dead before it hears what is advertised here.</summary>
    public void Meet(RemoteGateway peer)
    {
        lock (_gate)
        {
            foreach (var failover in _failovers.Values) Tell(peer, failover);
            routes.Meet(peer);
            foreach (var failover in _failovers.Values.Where(failover => failover.Inherited.IsOpen))
                _ = peer.Link.Post(new LinkFrame.FailedOver(failover.Dead));
        }
    }

    /// <summary>Goes on with what a dead gateway left, and says how far that is. Waits for nothing.</summary>
    public async Task<FailoverProgress> TakeOverFrom(string dead)
    {
        Task<FailoverProgress>? takingOver;
        lock (_gate)
        {
            if (_isBetweenLives) return new FailoverProgress.UnderWay();
            if (!_takingOver.TryGetValue(dead, out takingOver))
            {
                (int life, long owner) = (_life, sessions.Owner);
                _takingOver[dead] = takingOver = Task.Run(() => Run(dead, life, owner));
            }
            if (!takingOver.IsCompleted) return new FailoverProgress.UnderWay();
            // What failed begins again when it is asked for again.
            _takingOver.Remove(dead);
        }
        return await takingOver;
    }

    /// <summary>Some sessions are this gateway's in the store that the directory has not yet.</summary>
    public bool IsLoading => Volatile.Read(ref _loading) > 0;

    /// <summary>A message that was for a dead gateway.</summary>
    /// <returns>The journal's position at which it is durable; 0 if no session is owed it.</returns>
    public long Deliver(LinkFrame.Redirected frame, LinkMark from)
    {
        FailoverState? failover;
        lock (_gate) failover = _failovers.GetValueOrDefault(frame.Dead);
        return broker.DeliverForwarded(
            PeerMessages.ToPublication(frame.Message, clock.NowMs), frame.ToAll, frame.Shares, from, failover?.Inherited);
    }

    public void Receive(RemoteGateway sender, LinkFrame.HandedOver frame)
    {
        lock (_gate) _failovers.GetValueOrDefault(frame.Dead)?.HandedOver(sender.Id);
    }

    /// <summary>Who has died since hands nothing over any more: its publishers have not been acknowledged.</summary>
    public void Look()
    {
        lock (_gate)
        {
            foreach (var failover in _failovers.Values) failover.Await(id => peers.Find(id) is not null);
        }
    }

    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var (dead, failover) in _failovers)
            {
                if (failover.DedupEndsAt is not { } at || at > now) continue;
                failover.Inherited.EndDedup();
                _failovers.Remove(dead);
            }
        }
    }

    /// <summary>This gateway begins anew: what it had, or was about to have, is another's.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _life++;
            _isBetweenLives = true;
            foreach (var failover in _failovers.Values) failover.Abandon();
            _failovers.Clear();
            _takingOver.Clear();
        }
    }

    private async Task<FailoverProgress> Run(string dead, int life, long owner)
    {
        deadGateways.Die(dead);
        if (await store.Inherit(owner, dead, CancellationToken.None) is var left && left.Successor is { } other)
            return new FailoverProgress.Elsewhere(other);
        var (failover, isNew) = await Load(dead, left, life, owner);
        deadGateways.RedirectTo(dead, new Here(broker, failover.Inherited, journal, clock), failover.StoredUpTo(gateway.Id));
        await failover.AllHandedOver;
        Demand(life);
        if (isNew) broker.Open(failover.Inherited);
        await Complete(failover);
        Demand(life);
        deadGateways.Complete(dead);
        await store.CompleteFailover(dead, CancellationToken.None);
        if (isNew) log.SessionsInherited(failover.Inherited.Sessions.Count, dead);
        return new FailoverProgress.Done();
    }

    private async Task<(FailoverState, bool IsNew)> Load(string dead, Inheritance left, int life, long owner)
    {
        Interlocked.Increment(ref _loading);
        try
        {
            if (!await TakeOverInStore(dead, life, owner))
                throw new InvalidOperationException($"Gateway {gateway.Id} is fenced, and takes over nothing from {dead}.");
            return (Announce(dead, left, life, out bool isNew), isNew);
        }
        finally
        {
            Interlocked.Decrement(ref _loading);
        }
    }

    /// <summary>The sessions are in the store under this gateway, or it is fenced. What cannot be known now is tried until it is.</summary>
    private async Task<bool> TakeOverInStore(string dead, int life, long owner)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                return await store.TakeOver(owner, dead, CancellationToken.None);
            }
            catch (Exception e)
            {
                log.SessionsNotInherited(dead, e);
            }
            await Task.Delay(pause, clock.Time);
            if (!IsLiving(life)) return false;
        }
    }

    private bool IsLiving(int life)
    {
        lock (_gate) return life == _life;
    }

    /// <exception cref="InvalidOperationException">This gateway has begun anew: what it was about to do is its successor's.</exception>
    private void Demand(int life)
    {
        if (!IsLiving(life)) throw new InvalidOperationException("This gateway was taken for dead meanwhile, and has begun anew.");
    }

    /// <summary>Puts the sessions where messages and clients find them, and tells the others.</summary>
    /// <param name="isNew">There are sessions to be opened: they did not come with those of a successor in between.</param>
    private FailoverState Announce(string dead, Inheritance left, int life, out bool isNew)
    {
        InheritedSessions? inherited = null;
        lock (_gate)
        {
            Demand(life);
            if (!_failovers.TryGetValue(dead, out var known) && left.Sessions.Sessions.Count == 0 && left.Through is { } successor)
                inherited = _failovers.GetValueOrDefault(successor)?.Inherited;
            isNew = known is null && inherited is null;
        }
        if (isNew) sessions.AddInherited(left.Sessions, inherited = new InheritedSessions());
        lock (_gate)
        {
            if (!_failovers.TryGetValue(dead, out var failover))
            {
                _failovers[dead] = failover = new FailoverState(dead, inherited!, left.Marks);
                foreach (var peer in peers.All) Tell(peer, failover);
            }
            failover.Await(id => peers.Find(id) is not null);
            return failover;
        }
    }

    private Task Complete(FailoverState failover)
    {
        lock (_gate)
        {
            failover.DedupEndsAt = clock.NowMs + LingerMs;
            return Task.WhenAll(peers.All.Select(peer => peer.Link.Post(new LinkFrame.FailedOver(failover.Dead))));
        }
    }

    private static void Tell(RemoteGateway peer, FailoverState failover)
    {
        failover.Expect(peer.Id);
        _ = peer.Link.Post(new LinkFrame.Successor(failover.Dead, failover.StoredUpTo(peer.Id)));
    }

    /// <summary>This gateway is the successor: what its own publishers have for the dead one stays here.</summary>
    private sealed class Here(Broker broker, InheritedSessions inherited, SessionJournal journal, GatewayClock clock) : ISuccessor
    {
        public bool HasRoom(int bytes) => true;

        public Task Accept(LinkFrame frame, int bytes)
        {
            var (message, toAll, shares) = frame switch
            {
                LinkFrame.Published published => (published.Message, published.ToAll, published.Shares),
                LinkFrame.Redirected redirected => (redirected.Message, redirected.ToAll, redirected.Shares),
                _ => throw new ArgumentException($"{frame.GetType().Name} is of no use to a successor.", nameof(frame)),
            };
            long position = broker.DeliverForwarded(PeerMessages.ToPublication(message, clock.NowMs), toAll, shares, from: null, inherited);
            return position == 0 ? Task.CompletedTask : Stored(position);
        }

        private async Task Stored(long position)
        {
            if (!await journal.WhenDurable(position)) throw new InvalidOperationException("What the sessions are owed cannot be stored.");
        }
    }
}
