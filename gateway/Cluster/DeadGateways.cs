using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// The other gateways that are dead, until their fail-over is complete. What is published for a dead one waits, unacknowledged, until its
/// successor says that it has its sessions; then it goes there, in order, until the dead one's subscriptions are the successor's.
/// </summary>
internal sealed class DeadGateways(Peers peers, Broker broker)
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _dead = new(StringComparer.Ordinal);

    /// <summary>An id is good for one lifecycle.</summary>
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
    public void AddUnknown(RemoteGateway unknown)
    {
        lock (_gate)
        {
            if (_dead.Add(unknown.Id)) peers.Die(unknown);
        }
    }

    public void Receive(RemoteGateway sender, LinkFrame.Successor frame)
    {
        RedirectTo(frame.Dead, new PeerSuccessor(sender.Link, frame.Dead), frame.StoredUpTo);
        _ = sender.Link.Post(new LinkFrame.HandedOver(frame.Dead));
    }

    public void RedirectTo(string gatewayId, ISuccessor successor, long storedUpTo)
    {
        Die(gatewayId);
        peers.FindDead(gatewayId)?.Link.RedirectTo(successor, storedUpTo);
    }

    /// <summary>Its successor has said that the fail-over is complete: nothing is for the dead gateway any more.</summary>
    public void Complete(string gatewayId)
    {
        if (peers.FindDead(gatewayId) is not { } dead) return;
        broker.Forget(dead);
        peers.Remove(dead);
    }

    /// <summary>The successor is another gateway.</summary>
    private sealed class PeerSuccessor(PeerLink link, string dead) : ISuccessor
    {
        public bool HasRoom(int bytes) => link.HasRoom(bytes);

        public Task Accept(LinkFrame frame, int bytes) => link.Post(
            frame switch
            {
                LinkFrame.Published published => new LinkFrame.Redirected(dead, published.Message, published.ToAll, published.Shares),
                LinkFrame.Redirected redirected => redirected with { Dead = dead },
                _ => throw new ArgumentException($"{frame.GetType().Name} is of no use to a successor.", nameof(frame)),
            },
            bytes);
    }
}
