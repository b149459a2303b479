using Fleet.Gateway.Durable;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// What this gateway goes on with in the place of dead ones (docs/adr/0011-heirs.md). It takes their sessions from the store, all at once, as sessions
/// whose clients are away; tells the others, who hand over what they had for the dead; then subscribes in its own name.
/// </summary>
internal sealed class Estates(
    ISessionStore store, SessionRestore sessions, SessionJournal journal, Broker broker, Routes routes, Peers peers, Heirs heirs, GatewayIdentity gateway,
    GatewayClock clock, ILogger<Estates> log)
{
    /// <summary>How long a message that comes late is known for one that came before, and a gateway that is met late hears of its dead.</summary>
    private const long LingerMs = 60_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Bequest> _bequests = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task<AdoptResult>> _adopting = new(StringComparer.Ordinal);
    private int _loading;

    /// <summary>Which of this gateway's lives: it begins anew when it was taken for dead.</summary>
    private int _life;
    private bool _isBetweenLives;

    /// <summary>
    /// Begins as an owner of sessions, with those that were here before, and those that gateways of this name left. Before the first connection, and
    /// before other gateways are met.
    /// </summary>
    public async Task Begin(string? name, CancellationToken cancellation)
    {
        var (owner, estate) = await sessions.Begin(name, cancellation);
        foreach (string dead in owner.Predecessors)
        {
            var left = await store.Inherit(owner.Number, dead, cancellation);
            lock (_gate) _bequests[dead] = new Bequest(dead, estate, left.Marks) { SettlesAt = clock.NowMs + LingerMs };
        }
        lock (_gate) _isBetweenLives = false;
    }

    /// <summary>Whether it is the heir of a gateway, and has all that was in the store.</summary>
    public bool Has(string dead)
    {
        lock (_gate) return _bequests.ContainsKey(dead);
    }

    /// <summary>Meets a gateway that has come: it hears who is dead before it hears what is wanted here.</summary>
    public void Meet(RemoteGateway peer)
    {
        lock (_gate)
        {
            foreach (var bequest in _bequests.Values) Tell(peer, bequest);
            routes.Meet(peer);
            foreach (var bequest in _bequests.Values.Where(bequest => bequest.Estate.IsOpen)) _ = peer.Link.Post(new PeerWord.Buried(bequest.Dead));
        }
    }

    /// <summary>Goes on with what a dead gateway left, and says how far that is. Waits for nothing.</summary>
    public async Task<AdoptResult> Adopt(string dead)
    {
        Task<AdoptResult>? adopting;
        lock (_gate)
        {
            if (_isBetweenLives) return new AdoptResult.UnderWay();
            if (!_adopting.TryGetValue(dead, out adopting))
            {
                (int life, long owner) = (_life, sessions.Owner);
                _adopting[dead] = adopting = Task.Run(() => Run(dead, life, owner));
            }
            if (!adopting.IsCompleted) return new AdoptResult.UnderWay();
            // What failed begins again when it is asked for again.
            _adopting.Remove(dead);
        }
        return await adopting;
    }

    /// <summary>Some sessions are this gateway's in the store that the directory has not yet.</summary>
    public bool IsLoading => Volatile.Read(ref _loading) > 0;

    /// <summary>A message that was for a dead gateway.</summary>
    /// <returns>The journal's position at which it is durable; 0 if no session is owed it.</returns>
    public long Deliver(PeerWord.Bequeathed word, LinkMark from)
    {
        Bequest? bequest;
        lock (_gate) bequest = _bequests.GetValueOrDefault(word.Dead);
        return broker.DeliverForwarded(PeerMessages.ToPublication(word.Message, clock.NowMs), word.ToAll, word.Shares, from, bequest?.Estate);
    }

    public void Take(RemoteGateway sender, PeerWord.HandedOver word)
    {
        lock (_gate) _bequests.GetValueOrDefault(word.Dead)?.HandedOver(sender.Id);
    }

    /// <summary>Who has died since hands nothing over any more: its publishers have not been acknowledged.</summary>
    public void Look()
    {
        lock (_gate)
        {
            foreach (var bequest in _bequests.Values) bequest.Await(id => peers.Find(id) is not null);
        }
    }

    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var (dead, bequest) in _bequests)
            {
                if (bequest.SettlesAt is not { } at || at > now) continue;
                bequest.Estate.Settle();
                _bequests.Remove(dead);
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
            foreach (var bequest in _bequests.Values) bequest.Abandon();
            _bequests.Clear();
            _adopting.Clear();
        }
    }

    private async Task<AdoptResult> Run(string dead, int life, long owner)
    {
        heirs.Die(dead);
        if (await store.Inherit(owner, dead, CancellationToken.None) is var left && left.Heir is { } other) return new AdoptResult.Elsewhere(other);
        var (bequest, isNew) = await Load(dead, left, life, owner);
        heirs.Bequeath(dead, new Here(broker, bequest.Estate, journal, clock), bequest.StoredUpTo(gateway.Id));
        await bequest.AllHandedOver;
        Demand(life);
        if (isNew) broker.Open(bequest.Estate);
        await Bury(bequest);
        Demand(life);
        heirs.Bury(dead);
        await store.Bury(dead, CancellationToken.None);
        if (isNew) log.EstateAdopted(bequest.Estate.Sessions.Count, dead);
        return new AdoptResult.Done();
    }

    private async Task<(Bequest, bool IsNew)> Load(string dead, Inheritance left, int life, long owner)
    {
        Interlocked.Increment(ref _loading);
        try
        {
            if (!await Taken(dead, life, owner)) throw new InvalidOperationException($"Gateway {gateway.Id} is fenced, and inherits nothing from {dead}.");
            return (Announce(dead, left, life, out bool isNew), isNew);
        }
        finally
        {
            Interlocked.Decrement(ref _loading);
        }
    }

    /// <summary>The sessions are in the store under this gateway, or it is fenced. What cannot be known now is tried until it is.</summary>
    private async Task<bool> Taken(string dead, int life, long owner)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                return await store.Take(owner, dead, CancellationToken.None);
            }
            catch (Exception e)
            {
                log.EstateNotTaken(dead, e);
            }
            await Task.Delay(pause, clock.Time);
            if (!IsLiving(life)) return false;
        }
    }

    private bool IsLiving(int life)
    {
        lock (_gate) return life == _life;
    }

    /// <exception cref="InvalidOperationException">This gateway has begun anew: what it was about to do is its heir's.</exception>
    private void Demand(int life)
    {
        if (!IsLiving(life)) throw new InvalidOperationException("This gateway was taken for dead meanwhile, and has begun anew.");
    }

    /// <summary>Puts the sessions where messages and clients find them, and tells the others.</summary>
    /// <param name="isNew">There is something to be opened: it did not come with the estate of an heir in between.</param>
    private Bequest Announce(string dead, Inheritance left, int life, out bool isNew)
    {
        Estate? estate = null;
        lock (_gate)
        {
            Demand(life);
            if (!_bequests.TryGetValue(dead, out var known) && left.Sessions.Sessions.Count == 0 && left.Through is { } heir)
                estate = _bequests.GetValueOrDefault(heir)?.Estate;
            isNew = known is null && estate is null;
        }
        if (isNew) sessions.Adopt(left.Sessions, estate = new Estate());
        lock (_gate)
        {
            if (!_bequests.TryGetValue(dead, out var bequest))
            {
                _bequests[dead] = bequest = new Bequest(dead, estate!, left.Marks);
                foreach (var peer in peers.All) Tell(peer, bequest);
            }
            bequest.Await(id => peers.Find(id) is not null);
            return bequest;
        }
    }

    private Task Bury(Bequest bequest)
    {
        lock (_gate)
        {
            bequest.SettlesAt = clock.NowMs + LingerMs;
            return Task.WhenAll(peers.All.Select(peer => peer.Link.Post(new PeerWord.Buried(bequest.Dead))));
        }
    }

    private static void Tell(RemoteGateway peer, Bequest bequest)
    {
        bequest.Expect(peer.Id);
        _ = peer.Link.Post(new PeerWord.Heir(bequest.Dead, bequest.StoredUpTo(peer.Id)));
    }

    /// <summary>This gateway is the heir of what its own publishers have for the dead one.</summary>
    private sealed class Here(Broker broker, Estate estate, SessionJournal journal, GatewayClock clock) : IHeir
    {
        public bool HasRoom(int bytes) => true;

        public Task Take(PeerWord word, int bytes)
        {
            var (message, toAll, shares) = word switch
            {
                PeerWord.Published published => (published.Message, published.ToAll, published.Shares),
                PeerWord.Bequeathed bequeathed => (bequeathed.Message, bequeathed.ToAll, bequeathed.Shares),
                _ => throw new ArgumentException($"{word.GetType().Name} is of no use to an heir.", nameof(word)),
            };
            long position = broker.DeliverForwarded(PeerMessages.ToPublication(message, clock.NowMs), toAll, shares, from: null, estate);
            return position == 0 ? Task.CompletedTask : Stored(position);
        }

        private async Task Stored(long position)
        {
            if (!await journal.WhenDurable(position)) throw new InvalidOperationException("What the sessions are owed cannot be stored.");
        }
    }
}
