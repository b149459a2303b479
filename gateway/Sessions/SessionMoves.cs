using Fleet.Gateway.Cluster;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Hosting;
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
internal sealed class SessionMoves(
    SessionDirectory directory, SessionJournal journal, SessionSnapshots snapshots, Broker broker, Peers peers, PeerFlush flush, Fences fences, IOptions<GatewayOptions> options, GatewayMetrics metrics, GatewayClock clock)
{
    /// <summary>How long the old gateway sends on, and the new one knows what it has. Links are empty within moments, or their gateway is dead.</summary>
    private const long LingerMs = 30_000;

    /// <summary>How long a session that goes on before it is here is waited for.</summary>
    private const long ArrivalPatienceMs = 4_000;

    private readonly Lock _gate = new();
    private readonly Departures _departures = new();

    /// <summary>The latest of each key, unless it has gone on.</summary>
    private readonly Dictionary<string, Arrival> _arriving = new(StringComparer.Ordinal);
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
            var arrival = _arriving.GetValueOrDefault(key) is { } coming && coming.Session.Identity.Epoch < epoch ? coming : null;
            if (arrival is not null) _arriving.Remove(key);
            if (discard)
            {
                if (arrival is not null) End(arrival);
                foreach (var left in _departures.Of(key).Where(left => left.Epoch <= epoch).ToArray()) End(left);
                return null;
            }
            // It goes on before it is here: its client does not wait, and what is still to come for it follows.
            if (arrival is not null && session is not null) directory.Discard(session)?.End(EndCause.TakenOver);
            var departed = (arrival?.Session ?? session) is { } leaving ? Leave(leaving, epoch, arrival) : wasHere ? null : LeftBefore(key, epoch);
            if (departed is null) return null;
            (departed.Epoch, departed.Until) = (epoch, clock.NowMs + LingerMs);
            var (subscriptions, owner) = departed.Session.Depart();
            owner?.End(EndCause.TakenOver);
            snapshots.Note(departed.Session, departed.Session.MaybeSent, departed: true);
            return new MovedSession(
                gatewayId,
                [.. subscriptions.Select(s => new MovedSubscription(s.Filter.Text, (byte)s.Options.Qos, s.Options.NoLocal, s.Options.RetainAsPublished, s.Identifier))],
                departed.Session.ExpirySeconds,
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
            if (_departures.Find(key, epoch) is not { } departed) return null;
            if (departed is { Messages: null, Arrival.Done.Task.IsCompleted: false } && clock.NowMs < departed.WaitsUntil)
                throw new InvalidOperationException($"Session {key} is on its way here itself.");
            departed.Messages ??= departed.Session.Collect(delivery => SendOn(toGateway, key, delivery));
            departed.Until = clock.NowMs + LingerMs;
            return PeerMessages.Of(departed.Messages, clock.NowMs);
        }
    }

    /// <summary>The client is back without having been anywhere else: what it was about to take there is its own again.</summary>
    public async Task Stay(string key)
    {
        Departed? departed;
        Arrival? arrival;
        lock (_gate)
        {
            departed = _departures.Current(key) is { Messages: null } current && !_arriving.ContainsKey(key) ? current : null;
            if (departed is not null) _departures.Remove(departed);
            if (departed?.Arrival is { Done.Task.IsCompleted: false } unfinished) (_arriving[key], departed) = (unfinished, null);
            arrival = _arriving.GetValueOrDefault(key);
        }
        if (arrival is not null) await arrival.Done.Task;
        if (departed is not null && !directory.TryAdd(departed.Session, clock.NowMs)) directory.Discard(departed.Session);
    }

    /// <summary>A session comes from another gateway: from here on this one collects for it. Returns when every gateway knows.</summary>
    public async Task<Arrival> Arrive(SessionIdentity identity, MovedSession moved)
    {
        var arrival = new Arrival(new Session(identity, options.Value, clock, metrics) { ExpirySeconds = moved.ExpirySeconds });
        arrival.Session.Arrive();
        List<Task> known = [];
        lock (_gate)
        {
            // The latest word of the client's is right.
            if (_arriving.GetValueOrDefault(identity.Key) is { } older) End(older);
            _arriving[identity.Key] = arrival;
            // Under the lock: who takes it over at once gets all of its subscriptions.
            foreach (var subscription in moved.Subscriptions)
            {
                var options = new SubscriptionOptions((Qos)subscription.Qos, subscription.NoLocal, subscription.RetainAsPublished);
                var held = new HeldSubscription(TopicFilter.Parse(subscription.Filter), options, subscription.Identifier);
                if (broker.Subscribe(arrival.Session, held) is { } subscribed) known.Add(subscribed.Known);
            }
            Outdate(identity.Key);
        }
        await Task.WhenAll(known);
        // What was sent to the old gateway alone, before the others knew, is to be there when its messages are collected.
        await flush.Through(moved.FromGateway);
        return arrival;
    }

    /// <summary>Puts the messages from the old gateway first, and the session where its client finds it, unless it has gone on, or was ended.</summary>
    /// <param name="messages">Null if the old gateway died over it: then there is nothing to come back to.</param>
    public void Complete(Arrival arrival, MovedMessages? messages)
    {
        long now = clock.NowMs;
        var session = arrival.Session;
        string key = session.Identity.Key;
        lock (_gate)
        {
            bool stays = _arriving.GetValueOrDefault(key) == arrival;
            if (stays) _arriving.Remove(key);
            bool arrives = messages is not null && !session.HasEnded;
            if (arrives)
            {
                session.Restore(PeerMessages.ToSession(messages!, now));
                session.Keep(journal.NewSession());
                arrives = !stays || directory.TryAdd(session, now);
            }
            if (arrives) _arrived.Add((session, now + LingerMs));
            else directory.Discard(session);
            if (!arrives && _departures.Of(key).FirstOrDefault(left => left.Session == session) is { } gone) _departures.Remove(gone);
            arrival.Done.TrySetResult();
        }
    }

    /// <summary>Takes a message for a session that has moved here, from where it was before; it may have gone on, or not be quite here.</summary>
    public void DeliverLate(string key, in Delivery delivery)
    {
        Session? session;
        // The newest: two gateways that have each seen the client leave for the other would send it to and fro.
        lock (_gate) session = _arriving.GetValueOrDefault(key)?.Session ?? directory.Find(key) ?? _departures.Current(key)?.Session;
        if (session?.Deliver(delivery) is { } owed) owed.Session.Journal.Note(delivery.Message, [owed]);
    }

    public void Sweep(long now)
    {
        Session[] gone;
        lock (_gate)
        {
            gone = _departures.RemoveUntil(now);
            foreach (var (session, _) in _arrived.Where(arrived => arrived.Until <= now)) session.Settle();
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
            gone = _departures.RemoveUntil(long.MaxValue);
            _arrived.Clear();
        }
        foreach (var session in gone) directory.Discard(session);
    }

    private Departed Leave(Session session, long epoch, Arrival? arrival)
    {
        long now = clock.NowMs;
        var departed = new Departed(session) { Epoch = epoch, Until = now + LingerMs, Arrival = arrival, WaitsUntil = now + ArrivalPatienceMs };
        Outdate(session.Identity.Key);
        _departures.Add(departed);
        return departed;
    }

    /// <summary>What has left, but has not got anywhere: it was asked for before, or whoever took it over died before collecting it.</summary>
    private Departed? LeftBefore(string key, long epoch) =>
        _departures.Current(key) is { } before && (before.Epoch == epoch || (before.Epoch < epoch && before.Messages is null)) ? before : null;

    /// <summary>It will not arrive: whoever waits for it need not.</summary>
    private void End(Arrival arrival)
    {
        directory.Discard(arrival.Session);
        arrival.Done.TrySetResult();
    }

    private void End(Departed departed)
    {
        _departures.Remove(departed);
        directory.Discard(departed.Session);
    }

    /// <summary>Another session of the client's takes its messages here from now on. What left before stays as it is, for those who are yet to collect it.</summary>
    private void Outdate(string key)
    {
        foreach (var left in _departures.Of(key).Where(left => !left.IsOutdated))
        {
            left.IsOutdated = true;
            broker.Forget(left.Session, [.. left.Session.Subscriptions.Select(subscription => subscription.Filter)]);
        }
    }

    private void SendOn(string gatewayId, string key, Delivery delivery)
    {
        if (delivery.Qos == Qos.AtMostOnce || peers.Find(gatewayId) is not { } gateway) return;
        var word = new PeerWord.Late(key, PeerMessages.Of(delivery, clock.NowMs));
        if (gateway.Link.TryPost(word, delivery.Message.Topic.Length + delivery.Message.Payload.Length, receipt: false) is null) metrics.Dropped(DropReason.QueueFull);
    }
}

/// <summary>A session on its way here.</summary>
internal sealed class Arrival(Session session)
{
    public Session Session => session;

    /// <summary>Completes when it is here, or will never be.</summary>
    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
