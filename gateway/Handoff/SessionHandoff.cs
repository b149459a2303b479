using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Handoff;

/// <summary>
/// Sessions that pass between gateways: the lock, the states and the calls around <see cref="HandoffCore"/>. The old gateway ends the
/// connection and collects on (<see cref="TakeOver"/>); the new one subscribes and collects too (<see cref="Begin"/>); then it gets a copy
/// (<see cref="Collect"/>, <see cref="Accept"/>), and when it has stored that, the old one lets go. A message that comes both ways
/// is known by its number, so none is missed and none comes twice.
/// </summary>
internal sealed class SessionHandoff(
    HandoffEffects effects, ArrivedSessions arrived, SessionDirectory directory, SessionEnding ending, SessionJournal journal,
    ISessionStore store, Broker broker, Peers peers, LinkBarrier barrier, Fences fences, GatewayIdentity gateway,
    IOptions<SessionOptions> options, GatewayMetrics metrics, GatewayClock clock, ILogger<SessionHandoff> log) : IHandoffFrames
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Passage> _passages = new(StringComparer.Ordinal);

    /// <summary>A newer connection elsewhere has the client id: ends the connection here. Repeated, it answers as it did.</summary>
    /// <param name="discard">Clean start: the session ends too, wherever it is on its way.</param>
    /// <returns>What can be collected; null if there is nothing.</returns>
    /// <exception cref="InvalidOperationException">
    /// Whether the session is here is not known yet, to be asked again; or a newer connection is about to have it.
    /// </exception>
    public MovedSession? TakeOver(string key, SessionEpoch epoch, bool discard)
    {
        if (fences.EpochOf(key) > epoch) throw new InvalidOperationException($"A newer connection of {key} is known here.");
        fences.Raise(key, epoch);
        lock (_gate)
        {
            var held = directory.Release(key, epoch, keep: !discard, clock.NowMs);
            if (held is not null) held.ExpiresAt ??= clock.NowMs + (held.ExpirySeconds * 1000L);
            var passage = _passages.GetValueOrDefault(key);
            HeldSession? here = held is null ? null : new(held.Identity.Epoch, held.ExpiresAt!.Value);
            var answer = Apply(key, new HandoffEvent.TakenOver(epoch, discard, here, StandingOf(passage)), held);
            // A copy that is coming is newer.
            if (held is not null && answer != HandoffAnswer.Yes) ending.DiscardCopy(held)?.End(EndCause.TakenOver);
            if (answer == HandoffAnswer.Unknown) throw new InvalidOperationException($"Where session {key} will be is not known yet.");
            return answer == HandoffAnswer.Yes ? _passages[key].ToMoved(gateway.Id) : null;
        }
    }

    /// <summary>
    /// A copy of the messages of a session that was taken over; null if it is not there for the gateway that asks. Asked again, it answers
    /// with what there is by then. Waits for nothing: what comes from other gateways would wait behind it.
    /// </summary>
    /// <param name="epoch">With which it was taken over.</param>
    /// <exception cref="InvalidOperationException">
    /// The gateway that asks is not known here yet, or what the client published with QoS 2 is on its way to others; to be asked again.
    /// </exception>
    public MovedMessages? Collect(string key, SessionEpoch epoch, string toGateway)
    {
        lock (_gate)
        {
            // Whether a gateway that has a copy is dead can be told of those only that were known once.
            if (peers.Find(toGateway) is null) throw new InvalidOperationException($"Gateway {toGateway} is not known here.");
            // At the other gateway a repeat of it would pass for taken.
            if (_passages.GetValueOrDefault(key)?.Leaving?.AwaitingRelease.IsForwarding == true)
                throw new InvalidOperationException($"What the client of session {key} published is on its way to other gateways.");
            return Apply(key, new HandoffEvent.Collected(epoch, toGateway)) == HandoffAnswer.Yes ? _passages[key].Copied : null;
        }
    }

    /// <summary>
    /// The client is back: what is on its way here for it arrives. If no other gateway has its session, what it was about to take elsewhere
    /// is its own again.
    /// </summary>
    /// <param name="isLast">False: another gateway may have a newer copy, and is asked next.</param>
    /// <returns>False: whether it is here is not known yet.</returns>
    public async Task<bool> ComeBack(string key, SessionEpoch epoch, bool isLast)
    {
        fences.Raise(key, epoch);
        while (true)
        {
            Task coming;
            lock (_gate)
            {
                var passage = _passages.GetValueOrDefault(key);
                var answer = Apply(key, new HandoffEvent.ClientBack(epoch, isLast, StandingOf(passage)));
                if (answer != HandoffAnswer.Coming) return answer != HandoffAnswer.Unknown;
                coming = passage!.Coming!.Done.Task;
            }
            await coming;
        }
    }

    /// <summary>The session is here, where its client finds it.</summary>
    public bool Has(string key) => directory.Find(key) is not null;

    /// <summary>
    /// The client is back and starts clean: what left this gateway, and has not arrived anywhere, ends. Returns when that is
    /// durable, or cannot be for now.
    /// </summary>
    public Task Discard(string key, SessionEpoch epoch)
    {
        fences.Raise(key, epoch);
        lock (_gate)
        {
            bool was = _passages.GetValueOrDefault(key) is { Leaving: not null };
            Apply(key, new HandoffEvent.TakenOver(epoch, Discard: true, Held: null, TakerStanding.Lives));
            return was ? journal.WhenDurable(journal.Position) : Task.CompletedTask;
        }
    }

    /// <summary>A session comes from another gateway: from here on this one collects for it. Returns when every gateway knows.</summary>
    /// <returns>Null: it is here already, or a newer connection has the client id.</returns>
    public async Task<InboundHandoff?> Begin(SessionIdentity identity, MovedSession moved)
    {
        InboundHandoff inbound;
        lock (_gate)
        {
            if (fences.Check(identity) is not null) return null;
            fences.Raise(identity.Key, identity.Epoch);
            var held = directory.Find(identity.Key) is { ExpirySeconds: > 0 } here ? here : null;
            var begun = new HandoffEvent.Begun(
                identity.Epoch, moved.FromGateway, moved.Epoch, moved.SessionEpoch, held?.Identity.Epoch);
            inbound = new InboundHandoff(
                new Session(identity, options.Value, clock, metrics) { ExpirySeconds = moved.ExpirySeconds },
                moved.FromGateway, moved.Epoch);
            inbound.Session.Move.Arrive();
            if (Apply(identity.Key, begun, inbound: inbound) != HandoffAnswer.Coming) return null;
        }
        await inbound.Subscribe(moved.Subscriptions, broker);
        // What was sent to the old gateway alone, before the others knew, is to be there when it is copied.
        await barrier.Through(moved.FromGateway);
        return inbound;
    }

    /// <summary>Puts the messages from the old gateway first, and the session where its client finds it, unless it was overtaken.</summary>
    public void Accept(InboundHandoff inbound, MovedMessages messages)
    {
        inbound.Messages = messages;
        var identity = inbound.Session.Identity;
        lock (_gate) Apply(identity.Key, new HandoffEvent.Came(identity.Epoch, inbound.Epoch), inbound: inbound);
    }

    /// <summary>The session does not come after all.</summary>
    public void Abandon(InboundHandoff inbound)
    {
        var identity = inbound.Session.Identity;
        lock (_gate) Apply(identity.Key, new HandoffEvent.NotComing(identity.Epoch, inbound.Epoch));
    }

    public JournalPosition Receive(RemoteGateway sender, LinkFrame.Late frame)
    {
        var (key, epoch) = (frame.SessionKey, new SessionEpoch(frame.Epoch));
        Session? session;
        lock (_gate)
        {
            session = _passages.GetValueOrDefault(key)?.Coming is { } coming && coming.Epoch == epoch && coming.From == sender.Id
                ? coming.Session : arrived.Find(key, epoch, sender.Id);
        }
        // One that has gone on from here sends it on itself.
        var delivery = PeerMessages.ToDelivery(frame.Message, clock.NowMs);
        return session?.Deliver(delivery) is { } owed ? owed.Session.Journal.Note(delivery.Message, [owed]) : JournalPosition.LongAgo;
    }

    public void Receive(RemoteGateway sender, LinkFrame.SessionStored frame)
    {
        lock (_gate) Apply(frame.SessionKey, new HandoffEvent.StoredThere(new(frame.Epoch), sender.Id));
    }

    public void Sweep(long now)
    {
        List<(string Key, string Taker)> gone = [];
        lock (_gate)
        {
            foreach (string key in _passages.Keys.ToArray())
            {
                if (_passages[key].State.Out is { Stage: OutboundStage.Sent, To: { } taker }
                    && peers.Find(taker) is null && peers.FindDead(taker) is null)
                    gone.Add((key, taker));
                Apply(key, new HandoffEvent.Ticked());
            }
        }
        arrived.Sweep(now);
        foreach (var (key, taker) in gone) _ = FindOwner(key, taker);
    }

    /// <summary>This gateway begins anew: nothing passes any more.</summary>
    public void Clear()
    {
        Passage[] passages;
        lock (_gate)
        {
            passages = [.. _passages.Values];
            _passages.Clear();
        }
        arrived.Clear();
        foreach (var passage in passages)
        {
            if (passage.Leaving is { } leaving) ending.DiscardCopy(leaving);
            if (passage.Coming is { } coming) effects.End(coming);
        }
    }

    /// <summary>The sessions of the gateway that has a copy are at another: if it had stored the copy, the store has it there.</summary>
    private async Task FindOwner(string key, string taker)
    {
        try
        {
            bool here = await store.FindGateway(key, CancellationToken.None) == gateway.Id;
            lock (_gate) Apply(key, new HandoffEvent.TakerGone(taker, here));
        }
        catch (Exception e)
        {
            // It is asked again with the next sweep.
            log.OwnerNotFound(key, e);
        }
    }

    private TakerStanding StandingOf(Passage? passage) =>
        passage?.State.Out?.To is { } taker && peers.Find(taker) is null ? TakerStanding.Lost : TakerStanding.Lives;

    /// <summary>Decides, and does what follows. Under the lock.</summary>
    /// <param name="held">That is taken over.</param>
    /// <param name="inbound">That begins or comes.</param>
    private HandoffAnswer Apply(string key, HandoffEvent e, Session? held = null, InboundHandoff? inbound = null)
    {
        var passage = _passages.GetValueOrDefault(key) ?? new Passage();
        var decision = HandoffCore.Decide(passage.State, e, clock.NowMs);
        passage.State = decision.State;
        foreach (var effect in decision.Effects) effects.Do(effect, passage, held, inbound);
        if (decision.State.In is not null) passage.Coming ??= inbound;
        if (decision.State == HandoffState.None) _passages.Remove(key);
        else _passages[key] = passage;
        return decision.Answer;
    }
}
