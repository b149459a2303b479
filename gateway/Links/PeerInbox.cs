using System.Diagnostics;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Links;

/// <summary>
/// What other gateways say: each frame once, in order. What persistent sessions are owed of it is durable before it is answered.
/// </summary>
internal sealed class PeerInbox(
    Peers peers, SessionJournal journal, LinkBarrier barrier, IForwardedFrames forwarded, IHandoffFrames handoff, IFailoverFrames failover,
    ILogger<PeerInbox> log)
{
    /// <exception cref="InvalidOperationException">It could not be stored: the sender is to say it again.</exception>
    public async Task<PeerAnswer> Receive(PeerBatch batch)
    {
        if (peers.Find(batch.From) is not { } sender) return PeerAnswer.UnknownSender;
        var answer = sender.Receive(batch, TryHandle);
        if (answer == PeerAnswer.Received && !await journal.WhenDurable(sender.StoredAt))
            throw new InvalidOperationException("What the sessions are owed cannot be stored.");
        return answer;
    }

    private void TryHandle(RemoteGateway sender, LinkFrame frame, long number)
    {
        try
        {
            sender.StoredAt = Math.Max(sender.StoredAt, Handle(sender, frame, new LinkMark(sender.Id, number)));
        }
        catch (Exception e)
        {
            // A fault of ours with one frame. It must not stop all that its sender has to say after it.
            log.LinkFrameFailed(sender.Id, frame.GetType().Name, e);
        }
    }

    /// <returns>The journal's position at which it is durable; 0 if nothing of it is to be stored.</returns>
    private long Handle(RemoteGateway sender, LinkFrame frame, LinkMark from)
    {
        switch (frame)
        {
            case LinkFrame.Published published: return forwarded.Receive(published, from);
            case LinkFrame.Redirected redirected: return failover.Receive(redirected, from);
            case LinkFrame.Late late: return handoff.Receive(sender, late);
            case LinkFrame.SessionStored stored: handoff.Receive(sender, stored); return 0;
            case LinkFrame.Advertised advertised: forwarded.Receive(sender, advertised); return 0;
            case LinkFrame.Withdrawn withdrawn: forwarded.Receive(sender, withdrawn); return 0;
            case LinkFrame.Retained change: forwarded.Receive(change); return 0;
            case LinkFrame.Successor successor: failover.Receive(sender, successor); return 0;
            case LinkFrame.HandedOver handedOver: failover.Receive(sender, handedOver); return 0;
            case LinkFrame.FailedOver failedOver: failover.Receive(failedOver); return 0;
            case LinkFrame.Barrier through: barrier.Receive(through); return 0;
            case LinkFrame.BarrierReached reached: barrier.Receive(reached); return 0;
            case LinkFrame.Ready: sender.BecomeReady(); return 0;
            default: throw new UnreachableException($"{frame.GetType().Name} is handled by nobody.");
        }
    }
}
