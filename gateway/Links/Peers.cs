using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Links;

/// <summary>
/// The other gateways: those that live, and the dead whose successors are awaited. Alone, a gateway pays one look at an empty array for all
/// of this.
/// </summary>
internal sealed class Peers
{
    private readonly Lock _gate = new();
    private volatile RemoteGateway[] _all = [], _dead = [];
    private long _number, _lastMessage;

    /// <summary>Some of what is published here may be for another gateway, or its successor.</summary>
    public bool Any => _all.Length + _dead.Length > 0;

    /// <summary>There was another gateway once, and may still be in what was matched a moment ago.</summary>
    public bool HadAny { get; private set; }

    public IReadOnlyList<RemoteGateway> All => _all;

    public IReadOnlyList<RemoteGateway> Dead => _dead;

    /// <summary>This gateway's own number among all there ever were.</summary>
    public int Number
    {
        set => Volatile.Write(ref _number, (long)value << 40);
    }

    public RemoteGateway? Find(string gatewayId) => Array.Find(_all, peer => peer.Id == gatewayId);

    /// <summary>A number that no other message in the cluster has.</summary>
    public MessageNumber NextMessageNumber() => new(Volatile.Read(ref _number) | Interlocked.Increment(ref _lastMessage));

    public void Add(RemoteGateway peer)
    {
        lock (_gate) _all = [.. _all, peer];
        HadAny = true;
    }

    public RemoteGateway? FindDead(string gatewayId) => Array.Find(_dead, peer => peer.Id == gatewayId);

    /// <summary>It is dead, and its successor is awaited.</summary>
    public void Die(RemoteGateway peer)
    {
        peer.Die();
        lock (_gate)
        {
            _all = [.. _all.Where(other => other != peer)];
            _dead = [.. _dead.Where(other => other != peer), peer];
        }
        HadAny = true;
    }

    public void Remove(RemoteGateway peer)
    {
        lock (_gate)
        {
            _all = [.. _all.Where(other => other != peer)];
            _dead = [.. _dead.Where(other => other != peer)];
        }
    }
}
