using Fleet.Gateway.Cluster;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// Sessions that pass between gateways. The old gateway ends the connection and goes on collecting (<see cref="TakeOver"/>); the new one subscribes
/// and collects too (<see cref="Arrive"/>); then the messages of the old one go over (<see cref="Collect"/>, <see cref="Complete"/>), and what still
/// reaches it is sent on. A message that came both ways is known by its number, so none is missed and none comes twice.
/// </summary>
internal sealed class SessionHandoff(
    SessionDirectory directory, SessionJournal journal, SessionSnapshots snapshots, Broker broker, Peers peers, LinkBarrier barrier,
    Fences fences, IOptions<SessionOptions> options, GatewayMetrics metrics, GatewayClock clock)
{
    /// <summary>How long the old gateway sends on, and the new one knows what it has. Links are empty within moments, or their gateway is dead.</summary>
    private const long LingerMs = 30_000;

    /// <summary>How long a session that goes on before it is here is waited for.</summary>
    private const long InboundPatienceMs = 4_000;

    private readonly Lock _gate = new();
    private readonly OutboundHandoffs _outbound = new();

    /// <summary>The latest of each key, unless it has gone on.</summary>
    private readonly Dictionary<string, InboundHandoff> _inbound = new(StringComparer.Ordinal);
    private readonly List<(Session Session, long Until)> _arrived = [];

    /// <summary>A newer connection elsewhere has the client id: ends the connection here. Repeated, it answers as it did.</summary>
    /// <param name="discard">Clean start: the session ends too, wherever it is on its way.</param>
    /// <returns>What can move; null if there is nothing.</returns>
    public MovedSession? TakeOver(string gatewayId, string key, long epoch, bool discard)
    {
        fences.Raise(key, epoch);
        lock (_gate)
        {
            bool wasHere = directory.Find(key) is not null;
            var session = directory.Release(key, epoch, keep: !discard, clock.NowMs);
            var inbound = _inbound.GetValueOrDefault(key) is { } coming && coming.Session.Identity.Epoch < epoch ? coming : null;
            if (inbound is not null) _inbound.Remove(key);
            if (discard)
            {
                if (inbound is not null) End(inbound);
                foreach (var left in _outbound.Of(key).Where(left => left.Epoch <= epoch).ToArray()) End(left);
                return null;
            }
            // It goes on before it is here: its client does not wait, and what is still to come for it follows.
            if (inbound is not null && session is not null) directory.Discard(session)?.End(EndCause.TakenOver);
            var outbound = (inbound?.Session ?? session) is { } leaving ? Leave(leaving, epoch, inbound)
                : wasHere ? null : LeftBefore(key, epoch);
            if (outbound is null) return null;
            (outbound.Epoch, outbound.Until) = (epoch, clock.NowMs + LingerMs);
            var (subscriptions, owner) = outbound.Session.Depart();
            owner?.End(EndCause.TakenOver);
            snapshots.Note(outbound.Session, outbound.Session.MaybeSent, departed: true);
            return new MovedSession(
                gatewayId,
                [.. subscriptions.Select(s => new MovedSubscription(s.Filter.Text, (byte)s.Options.Qos, s.Options.NoLocal, s.Options.RetainAsPublished, s.Identifier))],
                outbound.Session.ExpirySeconds,
                epoch);
        }
    }

    /// <summary>
    /// The messages of a session that was taken over; null if it is not there any more. Asked again, it answers as it did. Waits for nothing: what comes
    /// from other gateways, the session's own messages among it, would wait behind it.
    /// </summary>
    /// <param name="epoch">With which it was taken over.</param>
    /// <exception cref="InvalidOperationException">
    /// It is on its way here itself; to be asked for again, so that what is in flight keeps its packet identifiers. Not for ever: what comes later is sent on,
    /// and goes out as if it had not been sent.
    /// </exception>
    public MovedMessages? Collect(string key, long epoch, string toGateway)
    {
        lock (_gate)
        {
            if (_outbound.Find(key, epoch) is not { } outbound) return null;
            if (outbound is { Messages: null, Inbound.Done.Task.IsCompleted: false } && clock.NowMs < outbound.WaitsUntil)
                throw new InvalidOperationException($"Session {key} is on its way here itself.");
            outbound.Messages ??= outbound.Session.Collect(delivery => SendOn(toGateway, key, delivery));
            outbound.Until = clock.NowMs + LingerMs;
            return PeerMessages.Of(outbound.Messages, clock.NowMs);
        }
    }

    /// <summary>The client is back without having been anywhere else: what it was about to take there is its own again.</summary>
    public async Task Stay(string key)
    {
        OutboundHandoff? outbound;
        InboundHandoff? inbound;
        lock (_gate)
        {
            outbound = _outbound.Current(key) is { Messages: null } current && !_inbound.ContainsKey(key) ? current : null;
            if (outbound is not null) _outbound.Remove(outbound);
            if (outbound?.Inbound is { Done.Task.IsCompleted: false } unfinished) (_inbound[key], outbound) = (unfinished, null);
            inbound = _inbound.GetValueOrDefault(key);
        }
        if (inbound is not null) await inbound.Done.Task;
        if (outbound is not null && !directory.TryAdd(outbound.Session, clock.NowMs)) directory.Discard(outbound.Session);
    }

    /// <summary>A session comes from another gateway: from here on this one collects for it. Returns when every gateway knows.</summary>
    public async Task<InboundHandoff> Arrive(SessionIdentity identity, MovedSession moved)
    {
        var inbound = new InboundHandoff(new Session(identity, options.Value, clock, metrics) { ExpirySeconds = moved.ExpirySeconds });
        inbound.Session.Arrive();
        List<Task> known = [];
        lock (_gate)
        {
            // The latest word of the client's is right.
            if (_inbound.GetValueOrDefault(identity.Key) is { } older) End(older);
            _inbound[identity.Key] = inbound;
            // Under the lock: who takes it over at once gets all of its subscriptions.
            foreach (var subscription in moved.Subscriptions)
            {
                var options = new SubscriptionOptions((Qos)subscription.Qos, subscription.NoLocal, subscription.RetainAsPublished);
                var held = new HeldSubscription(TopicFilter.Parse(subscription.Filter), options, subscription.Identifier);
                if (broker.Subscribe(inbound.Session, held) is { } subscribed) known.Add(subscribed.Known);
            }
            Outdate(identity.Key);
        }
        await Task.WhenAll(known);
        // What was sent to the old gateway alone, before the others knew, is to be there when its messages are collected.
        await barrier.Through(moved.FromGateway);
        return inbound;
    }

    /// <summary>Puts the messages from the old gateway first, and the session where its client finds it, unless it has gone on, or was ended.</summary>
    /// <param name="messages">Null if the old gateway died over it: then there is nothing to come back to.</param>
    public void Complete(InboundHandoff inbound, MovedMessages? messages)
    {
        long now = clock.NowMs;
        var session = inbound.Session;
        string key = session.Identity.Key;
        lock (_gate)
        {
            bool stays = _inbound.GetValueOrDefault(key) == inbound;
            if (stays) _inbound.Remove(key);
            bool arrives = messages is not null && !session.HasEnded;
            if (arrives)
            {
                session.Restore(PeerMessages.ToSession(messages!, now));
                session.Keep(journal.NewSession());
                arrives = !stays || directory.TryAdd(session, now);
            }
            if (arrives) _arrived.Add((session, now + LingerMs));
            else directory.Discard(session);
            if (!arrives && _outbound.Of(key).FirstOrDefault(left => left.Session == session) is { } gone) _outbound.Remove(gone);
            inbound.Done.TrySetResult();
        }
    }

    /// <summary>Takes a message for a session that has moved here, from where it was before; it may have gone on, or not be quite here.</summary>
    public void DeliverLate(string key, in Delivery delivery)
    {
        Session? session;
        // The newest: two gateways that have each seen the client leave for the other would send it to and fro.
        lock (_gate) session = _inbound.GetValueOrDefault(key)?.Session ?? directory.Find(key) ?? _outbound.Current(key)?.Session;
        if (session?.Deliver(delivery) is { } owed) owed.Session.Journal.Note(delivery.Message, [owed]);
    }

    public void Sweep(long now)
    {
        Session[] gone;
        lock (_gate)
        {
            gone = _outbound.RemoveUntil(now);
            foreach (var (session, _) in _arrived.Where(arrived => arrived.Until <= now)) session.EndDedup();
            _arrived.RemoveAll(arrived => arrived.Until <= now);
        }
        foreach (var session in gone) directory.Discard(session);
    }

    /// <summary>This gateway begins anew: nothing moves any more.</summary>
    public void Clear()
    {
        Session[] gone;
        lock (_gate)
        {
            gone = _outbound.RemoveUntil(long.MaxValue);
            _arrived.Clear();
        }
        foreach (var session in gone) directory.Discard(session);
    }

    private OutboundHandoff Leave(Session session, long epoch, InboundHandoff? inbound)
    {
        long now = clock.NowMs;
        var outbound = new OutboundHandoff(session)
        {
            Epoch = epoch, Until = now + LingerMs, Inbound = inbound, WaitsUntil = now + InboundPatienceMs,
        };
        Outdate(session.Identity.Key);
        _outbound.Add(outbound);
        return outbound;
    }

    /// <summary>What has left, but has not got anywhere: it was asked for before, or whoever took it over died before collecting it.</summary>
    private OutboundHandoff? LeftBefore(string key, long epoch) =>
        _outbound.Current(key) is { } before && (before.Epoch == epoch || (before.Epoch < epoch && before.Messages is null))
            ? before : null;

    /// <summary>It will not arrive: whoever waits for it need not.</summary>
    private void End(InboundHandoff inbound)
    {
        directory.Discard(inbound.Session);
        inbound.Done.TrySetResult();
    }

    private void End(OutboundHandoff outbound)
    {
        _outbound.Remove(outbound);
        directory.Discard(outbound.Session);
    }

    /// <summary>Another session of the client's takes its messages here from now on. What left before stays as it is, for those who are yet to collect it.</summary>
    private void Outdate(string key)
    {
        foreach (var left in _outbound.Of(key).Where(left => !left.IsOutdated))
        {
            left.IsOutdated = true;
            broker.Forget(left.Session, [.. left.Session.Subscriptions.Select(subscription => subscription.Filter)]);
        }
    }

    private void SendOn(string gatewayId, string key, Delivery delivery)
    {
        if (delivery.Qos == Qos.AtMostOnce || peers.Find(gatewayId) is not { } gateway) return;
        var frame = new LinkFrame.Late(key, PeerMessages.Of(delivery, clock.NowMs));
        if (gateway.Link.TryPost(frame, delivery.Message.Topic.Length + delivery.Message.Payload.Length, receipt: false) is null)
            metrics.Dropped(DropReason.QueueFull);
    }
}
