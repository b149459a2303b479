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
            sender.StoredAt = JournalPosition.Later(sender.StoredAt, Handle(sender, frame, new LinkMark(sender.Id, number)));
        }
        catch (Exception e)
        {
            // A fault of ours with one frame. It must not stop all that its sender has to say after it.
            log.LinkFrameFailed(sender.Id, frame.GetType().Name, e);
        }
    }

    /// <returns>Where what persistent sessions are owed of it is durable.</returns>
    private JournalPosition Handle(RemoteGateway sender, LinkFrame frame, LinkMark from)
    {
        switch (frame)
        {
            case LinkFrame.Published published: return forwarded.Receive(published, from);
            case LinkFrame.Redirected redirected: return failover.Receive(redirected, from);
            case LinkFrame.Late late: return handoff.Receive(sender, late);
            case LinkFrame.SessionStored stored: handoff.Receive(sender, stored); break;
            case LinkFrame.Advertised advertised: forwarded.Receive(sender, advertised); break;
            case LinkFrame.Withdrawn withdrawn: forwarded.Receive(sender, withdrawn); break;
            case LinkFrame.Retained change: forwarded.Receive(change); break;
            case LinkFrame.Successor successor: failover.Receive(sender, successor); break;
            case LinkFrame.HandedOver handedOver: failover.Receive(sender, handedOver); break;
            case LinkFrame.FailedOver failedOver: failover.Receive(failedOver); break;
            case LinkFrame.Barrier through: barrier.Receive(through); break;
            case LinkFrame.BarrierReached reached: barrier.Receive(reached); break;
            case LinkFrame.Ready: sender.BecomeReady(); break;
            default: throw new UnreachableException($"{frame.GetType().Name} is handled by nobody.");
        }
        return JournalPosition.LongAgo;
    }
}
