using System.Collections.Concurrent;
using Fleet.Gateway.Hosting;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// Finds out when a gateway has all that every other one had for it so far. Links keep their order, so a word that goes through each of them, and
/// comes back, has pushed everything before it.
/// </summary>
internal sealed class PeerFlush(Peers peers, GatewayIdentity gateway, TimeProvider time)
{
    /// <summary>A gateway that dies meanwhile does not answer; what it had is lost with it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<long, Waiting> _waiting = new();
    private long _lastToken;

    /// <summary>Returns when <paramref name="gatewayId"/> has what this gateway and all others sent to it before this call.</summary>
    public async Task Through(string gatewayId)
    {
        if (peers.Find(gatewayId) is null) return;
        long token = Interlocked.Increment(ref _lastToken);
        var all = peers.All;
        var waiting = _waiting[token] = new Waiting(all.Count);
        foreach (var peer in all) _ = peer.Link.Post(new PeerWord.Flush(token, gateway.Id, gatewayId));
        try
        {
            await waiting.Done.Task.WaitAsync(Patience, time);
        }
        catch (TimeoutException)
        {
            // Order is all that is at stake: what comes after this is sent on.
        }
        _waiting.TryRemove(token, out _);
    }

    /// <summary>Passes the word on, or answers it if this is the gateway that it is for.</summary>
    public void Take(PeerWord.Flush flush)
    {
        if (flush.To != gateway.Id && peers.Find(flush.To) is { } target) _ = target.Link.Post(flush);
        else if (peers.Find(flush.Origin) is { } origin) _ = origin.Link.Post(new PeerWord.Flushed(flush.Token));
    }

    public void Take(PeerWord.Flushed flushed)
    {
        if (_waiting.TryGetValue(flushed.Token, out var waiting)) waiting.Take();
    }

    private sealed class Waiting(int roads)
    {
        private int _roads = roads;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Take()
        {
            if (Interlocked.Decrement(ref _roads) == 0) Done.TrySetResult();
        }
    }
}
