namespace Fleet.Gateway.Cluster;

/// <summary>The other gateways that live. Alone, a gateway pays one look at an empty array for all of this.</summary>
internal sealed class Peers
{
    private readonly Lock _gate = new();
    private volatile RemoteGateway[] _all = [];
    private long _number, _lastMessage;

    public bool Any => _all.Length > 0;

    public IReadOnlyList<RemoteGateway> All => _all;

    /// <summary>This gateway's own number among all there ever were.</summary>
    public int Number
    {
        set => Volatile.Write(ref _number, (long)value << 40);
    }

    public RemoteGateway? Find(string gatewayId) => Array.Find(_all, peer => peer.Id == gatewayId);

    /// <summary>A number that no other message in the cluster has.</summary>
    public long NextMessageNumber() => Volatile.Read(ref _number) | Interlocked.Increment(ref _lastMessage);

    public void Add(RemoteGateway peer)
    {
        lock (_gate) _all = [.. _all, peer];
    }

    public void Remove(RemoteGateway peer)
    {
        lock (_gate) _all = [.. _all.Where(other => other != peer)];
    }
}
