using Fleet.Gateway.Durable;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// What other gateways say: each frame once, in order. What persistent sessions are owed of it is durable before it is answered.
/// </summary>
internal sealed class PeerInbox(
    Peers peers, Broker broker, SessionJournal journal, RetainedMessages retained, SessionHandoff handoff, LinkBarrier barrier,
    SessionFailover failover, GatewayClock clock, ILogger<PeerInbox> log)
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
            Handle(sender, frame, new LinkMark(sender.Id, number));
        }
        catch (Exception e)
        {
            // A fault of ours with one frame. It must not stop all that its sender has to say after it.
            log.LinkFrameFailed(sender.Id, frame.GetType().Name, e);
        }
    }

    private void Handle(RemoteGateway sender, LinkFrame frame, LinkMark from)
    {
        switch (frame)
        {
            case LinkFrame.Published published:
                sender.StoredAt = Math.Max(
                    sender.StoredAt, broker.DeliverForwarded(PeerMessages.ToPublication(published.Message, clock.NowMs), published.ToAll, published.Shares, from));
                break;
            case LinkFrame.Redirected redirected:
                sender.StoredAt = Math.Max(sender.StoredAt, failover.Deliver(redirected, from));
                break;
            case LinkFrame.Successor successor:
                failover.Receive(sender, successor);
                break;
            case LinkFrame.HandedOver handedOver:
                failover.Receive(sender, handedOver);
                break;
            case LinkFrame.FailedOver failedOver:
                failover.Complete(failedOver.Dead);
                break;
            case LinkFrame.Advertised advertised:
                foreach (string filter in advertised.Filters) broker.Advertise(sender, TopicFilter.Parse(filter));
                break;
            case LinkFrame.Withdrawn withdrawn:
                broker.Withdraw(sender, TopicFilter.Parse(withdrawn.Filter));
                break;
            case LinkFrame.Ready:
                sender.BecomeReady();
                break;
            case LinkFrame.Retained change:
                retained.Apply(PeerMessages.ToPublication(change.Message, clock.NowMs), change.Version, change.ExpiresAt);
                break;
            case LinkFrame.Barrier through:
                barrier.Receive(through);
                break;
            case LinkFrame.BarrierReached reached:
                barrier.Receive(reached);
                break;
            case LinkFrame.Late late:
                handoff.DeliverLate(late.SessionKey, PeerMessages.ToDelivery(late.Message, clock.NowMs));
                break;
        }
    }
}
