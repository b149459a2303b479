using Fleet.Gateway.Cluster;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Failover;

/// <summary>What becomes of a frame for a dead gateway on its way to the successor.</summary>
internal static class Redirection
{
    /// <summary>
    /// Whose sessions it is for stays as it was first: a successor that died may have stored it for its own, and not for those of the gateway
    /// before.
    /// </summary>
    public static LinkFrame.Redirected Of(LinkFrame frame, string dead) => frame switch
    {
        LinkFrame.Published published => new(dead, published.Message, published.ToAll, published.Shares),
        LinkFrame.Redirected redirected => redirected,
        _ => throw new ArgumentException($"{frame.GetType().Name} is of no use to a successor.", nameof(frame)),
    };
}

/// <summary>The successor is another gateway.</summary>
internal sealed class RemoteSuccessor(PeerLink link, string dead) : ISuccessor
{
    public bool HasRoom(int bytes) => link.HasRoom(bytes);

    public Task Accept(LinkFrame frame, int bytes) => link.Post(Redirection.Of(frame, dead), bytes);
}

/// <summary>This gateway is the successor: what its own publishers have for the dead one stays here.</summary>
internal sealed class LocalSuccessor(Broker broker, string dead, SessionJournal journal, GatewayClock clock) : ISuccessor
{
    public bool HasRoom(int bytes) => true;

    public Task Accept(LinkFrame frame, int bytes)
    {
        var redirected = Redirection.Of(frame, dead);
        long position = broker.DeliverForwarded(
            PeerMessages.ToPublication(redirected.Message, clock.NowMs), redirected.ToAll, redirected.Shares, from: null, redirected.Dead);
        return position == 0 ? Task.CompletedTask : Stored(position);
    }

    private async Task Stored(long position)
    {
        if (!await journal.WhenDurable(position)) throw new InvalidOperationException("What the sessions are owed cannot be stored.");
    }
}
