using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Handoff;

/// <summary>
/// Does what <see cref="HandoffCore"/> has decided to the sessions that it is about, and tells the other gateway. Under the lock of
/// <see cref="SessionHandoff"/>.
/// </summary>
internal sealed class HandoffEffects(
    SessionDirectory directory, SessionEnding ending, SessionJournal journal, SessionSnapshots snapshots, Broker broker, Peers peers,
    ArrivedSessions arrived, GatewayIdentity gateway, GatewayMetrics metrics, GatewayClock clock)
{
    private static readonly TimeSpan StoreAgainAfter = TimeSpan.FromMilliseconds(100);

    /// <param name="passage">In the state that was decided.</param>
    /// <param name="held">That is taken over.</param>
    /// <param name="inbound">That begins or comes.</param>
    public void Do(HandoffEffect effect, Passage passage, Session? held, InboundHandoff? inbound)
    {
        switch (effect)
        {
            case HandoffEffect.Freeze:
                passage.Leaving = held;
                held!.Depart()?.End(EndCause.TakenOver);
                passage.Subscriptions = held.Subscriptions.All;
                snapshots.Note(held, held.Outbound.MaybeSent);
                break;
            case HandoffEffect.Copy:
                var (leaving, to) = (passage.Leaving!, passage.State.Out!.To!);
                var epoch = passage.State.Out.Epoch;
                var unsent = passage.Unsent = [];
                passage.Copied = PeerMessages.Of(
                    leaving.Move.Copy(delivery => SendOn(to, leaving.Identity.Key, epoch, delivery, unsent)), clock.NowMs);
                break;
            case HandoffEffect.Recall:
                passage.Leaving!.Move.Recall();
                passage.Unsent = [];
                break;
            case HandoffEffect.Forward:
                var (taker, handoff, key) = (passage.State.Out!.To!, passage.State.Out.Epoch, passage.Leaving!.Identity.Key);
                passage.Copied = null;
                passage.Leaving.HandOver(delivery => SendOn(taker, key, handoff, delivery, []));
                broker.CloseShares(passage.Leaving);
                break;
            case HandoffEffect.Return:
                passage.Leaving!.Move.Recall();
                // If this gateway is the successor of the one that had a copy, the copy is here.
                if (!directory.TryAdd(passage.Leaving, clock.NowMs))
                {
                    passage.Leaving.Move.Supersede();
                    lock (passage.Unsent) ending.Discard(passage.Leaving, passage.Unsent);
                }
                (passage.Leaving, passage.Unsent) = (null, []);
                break;
            case HandoffEffect.Drop:
                lock (passage.Unsent) ending.Discard(passage.Leaving!, passage.Unsent);
                (passage.Leaving, passage.Unsent) = (null, []);
                break;
            case HandoffEffect.Abort:
                End(passage.Coming!);
                passage.Coming = null;
                break;
            case HandoffEffect.Accept:
                Accept(inbound!);
                passage.Coming = null;
                break;
            case HandoffEffect.Tell:
                Expect(inbound!);
                _ = Tell(inbound!, journal.Position);
                break;
        }
    }

    /// <summary>It does not come any more.</summary>
    public void End(InboundHandoff inbound)
    {
        ending.DiscardCopy(inbound.Session);
        inbound.Done.TrySetResult();
    }

    private void Accept(InboundHandoff inbound)
    {
        var session = inbound.Session;
        session.Move.Restore(PeerMessages.ToSession(inbound.Messages!, clock.NowMs));
        session.Keep(journal.NewSession());
        if (directory.TryAdd(session, clock.NowMs)) broker.OpenShares(session);
        else ending.DiscardCopy(session);
        inbound.Done.TrySetResult();
    }

    private void Expect(InboundHandoff inbound)
    {
        if (directory.Find(inbound.Session.Identity.Key) is { } here)
            arrived.Add(here, inbound.Epoch, inbound.From, clock.NowMs + HandoffCore.ArrivedMs);
    }

    /// <summary>Tells the old gateway, once what is noted here is durable, that it need not keep the session.</summary>
    private async Task Tell(InboundHandoff inbound, JournalPosition position)
    {
        string life = gateway.Id;
        while (!await journal.WhenDurable(position))
        {
            // A gateway that has begun anew has stored nothing of this, and never will.
            if (gateway.Id != life) return;
            await Task.Delay(StoreAgainAfter, clock.Time);
        }
        if (peers.Find(inbound.From) is { } old)
            _ = old.Link.Post(new LinkFrame.SessionStored(inbound.Session.Identity.Key, inbound.Epoch.Value));
    }

    private void SendOn(string gatewayId, string key, SessionEpoch epoch, Delivery delivery, List<Delivery> unsent)
    {
        if (delivery.Qos == Qos.AtMostOnce) return;
        if (peers.Find(gatewayId) is not { } taker)
        {
            if (delivery.Share is null) return;
            lock (unsent) unsent.Add(delivery);
            return;
        }
        var frame = new LinkFrame.Late(key, PeerMessages.Of(delivery, clock.NowMs), epoch.Value);
        if (taker.Link.TryPost(frame, delivery.Message.Topic.Length + delivery.Message.Payload.Length, receipt: false) is null)
            metrics.Dropped(DropReason.QueueFull);
    }
}
