using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Failover;

/// <summary>The successor is another gateway.</summary>
internal sealed class RemoteSuccessor(PeerLink link) : ISuccessor
{
    public bool HasRoom(int bytes, LinkBound bound) => link.HasRoom(bytes, bound);

    public Task Accept(LinkFrame.Redirected frame, int bytes) => link.Post(frame, bytes);
}

/// <summary>This gateway is the successor: what its own publishers have for the dead one stays here.</summary>
internal sealed class LocalSuccessor(Broker broker, SessionJournal journal, GatewayClock clock) : ISuccessor
{
    public bool HasRoom(int bytes, LinkBound bound) => true;

    public Task Accept(LinkFrame.Redirected frame, int bytes)
    {
        var position = broker.Deliver(frame, from: null, clock.NowMs);
        return position == JournalPosition.LongAgo ? Task.CompletedTask : Stored(position);
    }

    private async Task Stored(JournalPosition position)
    {
        if (!await journal.WhenDurable(position)) throw new InvalidOperationException("What the sessions are owed cannot be stored.");
    }
}

internal static class RedirectedMessages
{
    /// <summary>Delivers a message that was for dead gateways to the sessions here that they left.</summary>
    /// <param name="from">The frame that brought it; null: it was published here.</param>
    /// <returns>Where it is durable for those that are owed it.</returns>
    public static JournalPosition Deliver(this Broker broker, LinkFrame.Redirected frame, LinkMark? from, long now) =>
        broker.DeliverForwarded(PeerMessages.ToPublication(frame.Message, now), frame.ToAll, frame.Shares, from, frame.For);
}
