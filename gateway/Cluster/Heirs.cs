using Fleet.Gateway.Routing;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// What becomes of the deaths of other gateways here. What is published for a dead one waits, unacknowledged, until one of the others says that it has
/// its sessions; then it goes there, in order, until the dead one's subscriptions are that one's.
/// </summary>
internal sealed class Heirs(Peers peers, Broker broker)
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _dead = new(StringComparer.Ordinal);

    /// <summary>An id is good for one life.</summary>
    public bool IsDead(string gatewayId)
    {
        lock (_gate) return _dead.Contains(gatewayId);
    }

    public void Die(string gatewayId)
    {
        lock (_gate)
        {
            _dead.Add(gatewayId);
            if (peers.Find(gatewayId) is { } peer) peers.Die(peer);
        }
    }

    /// <summary>It was dead before this gateway met it, and its sessions are nowhere yet.</summary>
    public void Mourn(RemoteGateway unknown)
    {
        lock (_gate)
        {
            if (_dead.Add(unknown.Id)) peers.Die(unknown);
        }
    }

    public void Take(RemoteGateway sender, PeerWord.Heir word)
    {
        Bequeath(word.Dead, new PeerHeir(sender.Link, word.Dead), word.StoredUpTo);
        _ = sender.Link.Post(new PeerWord.HandedOver(word.Dead));
    }

    public void Bequeath(string gatewayId, IHeir heir, long storedUpTo)
    {
        Die(gatewayId);
        peers.FindDead(gatewayId)?.Link.Bequeath(heir, storedUpTo);
    }

    /// <summary>Nothing is for it any more.</summary>
    public void Bury(string gatewayId)
    {
        if (peers.FindDead(gatewayId) is not { } dead) return;
        broker.Forget(dead);
        peers.Remove(dead);
    }

    /// <summary>The heir is another gateway.</summary>
    private sealed class PeerHeir(PeerLink link, string dead) : IHeir
    {
        public bool HasRoom(int bytes) => link.HasRoom(bytes);

        public Task Take(PeerWord word, int bytes) => link.Post(
            word switch
            {
                PeerWord.Published published => new PeerWord.Bequeathed(dead, published.Message, published.ToAll, published.Shares),
                PeerWord.Bequeathed bequeathed => bequeathed with { Dead = dead },
                _ => throw new ArgumentException($"{word.GetType().Name} is of no use to an heir.", nameof(word)),
            },
            bytes);
    }
}
