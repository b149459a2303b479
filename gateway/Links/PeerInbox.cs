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
    GatewayMetrics metrics, ILogger<PeerInbox> log)
{
    /// <summary>With the sender's pauses, some six seconds.</summary>
    private const int MaxTries = 10;

    /// <exception cref="InvalidOperationException">It could not be taken, or not stored: the sender is to say it again.</exception>
    public async Task<PeerAnswer> Receive(PeerBatch batch)
    {
        if (peers.Find(batch.From) is not { } sender) return PeerAnswer.UnknownSender;
        var answer = sender.Receive(batch, Take);
        if (answer == PeerAnswer.Received && !await journal.WhenDurable(sender.StoredAt))
            throw new InvalidOperationException("What the sessions are owed cannot be stored.");
        return answer;
    }

    /// <summary>
    /// A frame that a fault of ours keeps from being taken holds up what comes after it: were it passed over, its publisher would be told
    /// that all is well. The sender begins with it again; those before it are known. A fault that stays is not to end all that this gateway
    /// hears: the frame is lost then, and both counted and logged.
    /// </summary>
    private void Take(RemoteGateway sender, LinkFrame frame, long number)
    {
        try
        {
            sender.StoredAt = JournalPosition.Later(sender.StoredAt, Handle(sender, frame, new LinkMark(sender.Id, number)));
        }
        catch (Exception e)
        {
            string kind = frame.GetType().Name;
            int times = sender.Failed.Number == number ? sender.Failed.Times + 1 : 1;
            sender.Failed = (number, times);
            if (times == 1) log.LinkFrameFailed(sender.Id, kind, e);
            if (times < MaxTries) throw new InvalidOperationException($"A frame of kind {kind} could not be taken.");
            log.LinkFrameLost(sender.Id, kind, times, e);
            metrics.Dropped(DropReason.Fault);
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
