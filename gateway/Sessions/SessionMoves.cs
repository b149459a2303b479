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

    /// <summary>Below the time-out of the call that waits for it.</summary>
    private static readonly TimeSpan ArrivalPatience = TimeSpan.FromSeconds(4);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Departed> _departed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Arriving> _arriving = new(StringComparer.Ordinal);
    private readonly List<(Session Session, long Until)> _arrived = [];

    /// <summary>A newer connection elsewhere has the client id: ends the connection here. Repeated, it answers as it did.</summary>
    /// <param name="discard">Clean start: the session ends too.</param>
    /// <returns>What can move; null if there is nothing.</returns>
    public MovedSession? TakeOver(string gatewayId, string key, long epoch, bool discard)
    {
        fences.Raise(key, epoch);
        var session = directory.Release(key, epoch, keep: !discard, clock.NowMs);
        lock (_gate)
        {
            _departed.Remove(key, out var before);
            if (session is null && before is { Collected: false } && !discard) session = before.Session;
            else if (before is not null) directory.Discard(before.Session);
            // Its client does not wait until it is here: it goes on from here, and what is still to come for it follows.
            if (session is null && !discard && _arriving.GetValueOrDefault(key) is { } arriving) session = arriving.Session;
            if (session is null) return null;
            var (subscriptions, owner) = session.Depart();
            owner?.End(EndCause.TakenOver);
            snapshots.Note(session, session.MaybeSent, departed: true);
            _departed.Add(key, new Departed(session, clock.NowMs + LingerMs, Collected: false));
            return new MovedSession(
                gatewayId,
                [.. subscriptions.Select(s => new MovedSubscription(s.Filter.Text, (byte)s.Options.Qos, s.Options.NoLocal, s.Options.RetainAsPublished, s.Identifier))],
                session.ExpirySeconds);
        }
    }

    /// <summary>
    /// The messages of a session that was taken over; null if it is not there any more. While it is on its way here itself, this waits for it: what is
    /// in flight keeps its packet identifiers. Not for ever: what comes later is sent on, and goes out as if it had not been sent.
    /// </summary>
    public async Task<MovedMessages?> Collect(string key, string toGateway)
    {
        Task arrival;
        lock (_gate)
        {
            arrival = _arriving.GetValueOrDefault(key) is { } arriving && _departed.GetValueOrDefault(key)?.Session == arriving.Session
                ? arriving.Done.Task : Task.CompletedTask;
        }
        await Task.WhenAny(arrival, Task.Delay(arrival.IsCompleted ? TimeSpan.Zero : ArrivalPatience, clock.Time));
        lock (_gate)
        {
            if (!_departed.TryGetValue(key, out var departed) || departed.Collected) return null;
            var messages = departed.Session.Collect(delivery => SendOn(toGateway, key, delivery));
            _departed[key] = new Departed(departed.Session, clock.NowMs + LingerMs, Collected: true);
            return PeerMessages.Of(messages, clock.NowMs);
        }
    }

    /// <summary>The client is back without having been anywhere else: what it was about to take there is its own again.</summary>
    public async Task Stay(string key)
    {
        Departed? departed;
        Task arrival;
        lock (_gate)
        {
            _departed.Remove(key, out departed);
            arrival = _arriving.GetValueOrDefault(key)?.Done.Task ?? Task.CompletedTask;
        }
        await arrival;
        if (departed is not null && (departed.Collected || !directory.TryAdd(departed.Session, clock.NowMs))) directory.Discard(departed.Session);
    }

    /// <summary>A session comes from another gateway: from here on this one collects for it. Returns when every gateway knows.</summary>
    public async Task<Session> Arrive(SessionIdentity identity, MovedSession moved)
    {
        var session = new Session(identity, options.Value, clock, metrics) { ExpirySeconds = moved.ExpirySeconds };
        session.Arrive();
        Departed? departed;
        lock (_gate)
        {
            _departed.Remove(identity.Key, out departed);
            _arriving[identity.Key] = new Arriving(session);
        }
        List<Task> known = [];
        foreach (var subscription in moved.Subscriptions)
        {
            var options = new SubscriptionOptions((Qos)subscription.Qos, subscription.NoLocal, subscription.RetainAsPublished);
            if (broker.Subscribe(session, new HeldSubscription(TopicFilter.Parse(subscription.Filter), options, subscription.Identifier)) is { } subscribed) known.Add(subscribed.Known);
        }
        // It was here before, a moment ago; what is left of that goes when its place is taken.
        if (departed is not null) directory.Discard(departed.Session);
        await Task.WhenAll(known);
        // What was sent to the old gateway alone, before the others knew, is to be there when its messages are collected.
        await flush.Through(moved.FromGateway);
        return session;
    }

    /// <summary>Puts the messages from the old gateway first, and the session where its client finds it.</summary>
    /// <param name="messages">Null if the old gateway died over it: then there is nothing to come back to.</param>
    public void Complete(Session session, MovedMessages? messages)
    {
        long now = clock.NowMs;
        string key = session.Identity.Key;
        Arriving? arriving;
        lock (_gate)
        {
            if (messages is not null)
            {
                session.Restore(PeerMessages.ToSession(messages, now));
                session.Keep(journal.NewSession());
            }
            if (_arriving.TryGetValue(key, out arriving) && arriving.Session == session) _arriving.Remove(key);
            bool goesOn = _departed.GetValueOrDefault(key)?.Session == session;
            if (messages is not null && (goesOn || directory.TryAdd(session, now))) _arrived.Add((session, now + LingerMs));
            else directory.Discard(session);
        }
        arriving?.Done.TrySetResult();
    }

    /// <summary>Takes a message for a session that has moved here, from where it was before; it may have gone on, or not be quite here.</summary>
    public void DeliverLate(string key, in Delivery delivery)
    {
        Session? session;
        lock (_gate) session = _arriving.GetValueOrDefault(key)?.Session ?? _departed.GetValueOrDefault(key)?.Session;
        if ((session ?? directory.Find(key))?.Deliver(delivery) is { } owed) owed.Session.Journal.Note(delivery.Message, [owed]);
    }

    public void Sweep(long now)
    {
        List<Session> gone = [];
        lock (_gate)
        {
            foreach (var (key, departed) in _departed)
            {
                if (departed.Until > now) continue;
                _departed.Remove(key);
                gone.Add(departed.Session);
            }
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
            gone = [.. _departed.Values.Select(departed => departed.Session)];
            _departed.Clear();
            _arrived.Clear();
        }
        foreach (var session in gone) directory.Discard(session);
    }

    private void SendOn(string gatewayId, string key, Delivery delivery)
    {
        if (delivery.Qos == Qos.AtMostOnce || peers.Find(gatewayId) is not { } gateway) return;
        var word = new PeerWord.Late(key, PeerMessages.Of(delivery, clock.NowMs));
        if (gateway.Link.TryPost(word, delivery.Message.Topic.Length + delivery.Message.Payload.Length, receipt: false) is null) metrics.Dropped(DropReason.QueueFull);
    }

    private sealed class Arriving(Session session)
    {
        public Session Session => session;
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed record Departed(Session Session, long Until, bool Collected);
}
