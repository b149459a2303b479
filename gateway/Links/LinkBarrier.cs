using System.Collections.Concurrent;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Links;

/// <summary>
/// Finds out when a gateway has all that every other one had for it so far. Links keep their order, so a frame that goes through each of
/// them, and comes back, has pushed everything before it.
/// </summary>
internal sealed class LinkBarrier(Peers peers, GatewayIdentity gateway, TimeProvider time)
{
    /// <summary>By then a gateway that does not answer is dead, and what it had for others is lost with it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Of a gateway that ends in good order: a call that nobody answers fails after five seconds, and is made again. By then this gateway,
    /// which has stopped beating, is not taken for dead.
    /// </summary>
    private static readonly TimeSpan FlushPatience = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan FlushAgainAfter = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<long, Waiting> _waiting = new();
    private long _lastToken;

    /// <summary>Returns when <paramref name="gatewayId"/> has what this gateway and all others sent to it before this call.</summary>
    public async Task Through(string gatewayId)
    {
        if (peers.Find(gatewayId) is null) return;
        long token = Interlocked.Increment(ref _lastToken);
        var all = peers.All;
        var waiting = _waiting[token] = new Waiting(all.Count);
        foreach (var peer in all) _ = peer.Link.Post(new LinkFrame.Barrier(token, gateway.Id, gatewayId));
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

    /// <summary>
    /// Returns when the other gateways, and the successors of the dead, have what this one had for them, or have had their time.
    /// </summary>
    public async Task Flush()
    {
        long startedAt = time.GetTimestamp();
        while (FlushPatience - time.GetElapsedTime(startedAt) is { Ticks: > 0 } left)
        {
            bool isForTheLiving = peers.Dead.All(dead => dead.Link.Bytes == 0);
            // A word that nobody waits for, behind all others.
            var behind = Task.WhenAll(peers.All.Select(peer => peer.Link.Post(new LinkFrame.BarrierReached(0))));
            try
            {
                await behind.WaitAsync(left, time);
            }
            catch (TimeoutException)
            {
                // One that does not answer is not waited for.
                return;
            }
            if (isForTheLiving) return;
            await Task.Delay(FlushAgainAfter, time);
        }
    }

    /// <summary>Passes the frame on, or answers it if this is the gateway that it is for.</summary>
    public void Receive(LinkFrame.Barrier frame)
    {
        if (frame.To != gateway.Id && peers.Find(frame.To) is { } target) _ = target.Link.Post(frame);
        else if (peers.Find(frame.Origin) is { } origin) _ = origin.Link.Post(new LinkFrame.BarrierReached(frame.Token));
    }

    public void Receive(LinkFrame.BarrierReached frame)
    {
        if (_waiting.TryGetValue(frame.Token, out var waiting)) waiting.CountDown();
    }

    private sealed class Waiting(int roads)
    {
        private int _roads = roads;

        public TaskCompletionSource Done { get; } = Background.NewSource();

        public void CountDown()
        {
            if (Interlocked.Decrement(ref _roads) == 0) Done.TrySetResult();
        }
    }
}
