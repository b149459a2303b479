using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// An MQTT session (MQTT 5.0, 4.1): its subscriptions, the way out to the client (<see cref="OutboundMessages"/>) and the way in from it
/// (<see cref="AwaitingRelease"/>). It outlives its connections, of which it has one or none. Any thread may deliver to it: one short lock,
/// under which no other lock is taken but the journal's, and nobody is called, so that a publisher never waits for a subscriber. Every
/// change of it passes one of the methods here. One that outlives its connections outlives the process too
/// (docs/adr/0009-durable-sessions.md).
/// </summary>
internal sealed class Session : Subscriber
{
    private readonly Lock _gate = new();
    private readonly GatewayMetrics _metrics;
    private readonly SessionSubscriptions _subscriptions;
    private readonly OutboundMessages _outbound;
    private readonly AwaitingRelease _awaitingRelease = new();
    private readonly HandoffDedup _dedup = new();
    private ISessionOwner? _owner;
    private volatile StoredSession? _stored;
    private volatile bool _waits;
    private bool _ended, _handedOver;

    public Session(SessionIdentity identity, SessionOptions options, GatewayClock clock, GatewayMetrics metrics)
    {
        Identity = identity;
        _metrics = metrics;
        _subscriptions = new SessionSubscriptions(options.MaxSubscriptionsPerSession);
        _outbound = new OutboundMessages(options, clock, metrics);
    }

    /// <summary>Of the present connection, or the last.</summary>
    public SessionIdentity Identity { get; private set; }

    /// <summary>Seconds that it outlives its connection.</summary>
    public uint ExpirySeconds { get; set; }

    /// <summary>Kept by the directory, under its lock.</summary>
    public Will? Will { get; set; }

    /// <summary>Kept by the directory: when its time is up, on the monotonic clock. Null while it has a connection.</summary>
    public long? ExpiresAt { get; set; }

    /// <summary>
    /// It comes from a dead gateway, and is known for what it is until all that was on its way there has come; null otherwise.
    /// </summary>
    public ISessionIntake? Intake { get; set; }

    /// <summary>Null: it is kept in memory alone, because it ends with its connection.</summary>
    public StoredSession? Stored => _stored;

    /// <summary>How many of its messages in the store, from the first, the client may have been sent.</summary>
    public int MaybeSent
    {
        get { lock (_gate) return _outbound.MaybeSent; }
    }

    public bool IsConnected => Volatile.Read(ref _owner) is not null;

    public bool IsOwnedBy(ISessionOwner owner) => Volatile.Read(ref _owner) == owner;

    public override bool IsAvailable => IsConnected;

    public override bool TakesPassing => _stored is null;

    public override bool IsStored => _stored is not null;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged
    {
        get { lock (_gate) return _outbound.IsBacklogged; }
    }

    /// <summary>Messages that are yet to be sent, and those that were and are not done with.</summary>
    public (int Queued, int InFlight) Backlog
    {
        get { lock (_gate) return _outbound.Backlog; }
    }

    public HeldSubscription[] Subscriptions
    {
        get { lock (_gate) return _subscriptions.All; }
    }

    public bool HasEnded
    {
        get { lock (_gate) return _ended; }
    }

    /// <summary>Gives the session to a connection and returns the one it had.</summary>
    /// <param name="receiveMaximum">QoS 1 and 2 messages that the client takes unacknowledged.</param>
    public ISessionOwner? Attach(ISessionOwner owner, SessionIdentity identity, int receiveMaximum)
    {
        lock (_gate)
        {
            var before = _owner;
            _owner = owner;
            Identity = identity;
            _outbound.Begin(receiveMaximum);
            _waits = true;
            return before;
        }
    }

    /// <returns>False if the session has passed to another connection, or ended.</returns>
    public bool Detach(ISessionOwner owner)
    {
        lock (_gate)
        {
            if (_owner != owner || _ended) return false;
            _owner = null;
            _outbound.Pause();
            return true;
        }
    }

    /// <summary>Ends it for good. Returns the filters to take out of the tree, and the connection it had.</summary>
    public (TopicFilter[] Filters, ISessionOwner? Owner) End()
    {
        lock (_gate)
        {
            _ended = true;
            var owner = _owner;
            _owner = null;
            // First the session: what goes with it needs no word of its own.
            _stored?.Journal.Remove(_stored);
            _outbound.Clear();
            _awaitingRelease.Clear();
            return (_subscriptions.RemoveAll(), owner);
        }
    }

    /// <summary>From here on all of it is kept in the store too, beginning with what there is.</summary>
    public void Keep(StoredSession stored)
    {
        lock (_gate)
        {
            if (_ended || _stored is not null) return;
            _stored = stored;
            foreach (var subscription in _subscriptions.All) stored.Journal.Put(stored, subscription.Filter.Text, RowOf(subscription));
            List<StoredDelivery> one = [];
            _outbound.Keep((delivery, packetId) =>
            {
                if (Owed(delivery, packetId) is not { } owed) return null;
                one.Clear();
                one.Add(owed);
                if (owed.Message is { } message) stored.Journal.Note(message, one);
                else stored.Journal.NoteReleased(owed);
                return owed;
            });
            foreach (ushort packetId in _awaitingRelease.PacketIds)
                _awaitingRelease.Note(packetId, new(stored.Journal.Hold(stored, packetId)));
        }
    }

    /// <summary>Takes what the store had. Before anybody can reach it.</summary>
    /// <param name="maybeSent">How many of the deliveries, from the first, the client may have been sent.</param>
    public void Restore(StoredSession stored, IReadOnlyList<Delivery> deliveries, int maybeSent, IEnumerable<ushort> unreleased)
    {
        lock (_gate)
        {
            _stored = stored;
            _outbound.Restore(deliveries, maybeSent);
            foreach (ushort packetId in unreleased) _awaitingRelease.TryHold(packetId, new(SessionJournal.LongAgo));
        }
    }

    /// <summary>Notes a subscription. False if there are too many already, or the session has ended.</summary>
    /// <param name="change">What it changes, and where that is durable.</param>
    public bool TryAddSubscription(in HeldSubscription subscription, out SubscriptionChange change)
    {
        lock (_gate)
        {
            change = default;
            if (_ended || !_subscriptions.TrySet(subscription, out var before)) return false;
            change = new(before, _stored is { } stored ? stored.Journal.Put(stored, subscription.Filter.Text, RowOf(subscription)) : 0);
            return true;
        }
    }

    public void RestoreSubscription(in HeldSubscription subscription)
    {
        // Whatever their bound is now: they were granted.
        lock (_gate) _subscriptions.Restore(subscription);
    }

    public SubscriptionChange RemoveSubscription(TopicFilter filter)
    {
        lock (_gate)
        {
            var before = _subscriptions.Remove(filter);
            return new(before, before is not null && _stored is { } stored ? stored.Journal.Put(stored, filter.Text, null) : 0);
        }
    }

    /// <summary>The best QoS this session has asked for on a topic name, or null if it has not asked at all.</summary>
    public Qos? SubscribedQos(string topicName)
    {
        lock (_gate) return _subscriptions.BestQos(topicName);
    }

    /// <summary>Takes a message for the subscriber; drops it if policy, queue or absence say so.</summary>
    /// <returns>What is to be noted in the journal; null if nothing is.</returns>
    public StoredDelivery? Deliver(in Delivery delivery) => Take(delivery, only: null);

    // Until it is open, it gets what is published here in another way: each publisher's messages are to reach it in order.
    public override StoredDelivery? Deliver(in Delivery delivery, bool isHere) =>
        isHere && Intake?.IsOpenTo(null) == false ? null : Take(delivery, only: null);

    /// <summary>
    /// Takes the answer to a request for the connection that made it; drops it if that one is gone. No policy is asked: it was, at the
    /// request.
    /// </summary>
    public void DeliverTo(ISessionOwner requester, in Delivery delivery)
    {
        byte[]? identifiers;
        lock (_gate) identifiers = _subscriptions.Identifiers(delivery.Message.Topic);
        var qos = delivery.Qos > delivery.Message.Qos ? delivery.Message.Qos : delivery.Qos;
        Take(delivery with { Qos = qos, Identifiers = identifiers }, requester);
    }

    /// <summary>
    /// Takes the retained messages of a new subscription. A whole fleet's status must not count as a slow client's queue. They go out
    /// before what is published from now on.
    /// </summary>
    public void DeliverRetained(List<Publication> messages, in HeldSubscription subscription)
    {
        byte[]? identifiers = SubscriptionIdentifiers.Of(subscription.Identifier);
        var granted = subscription.Options.Qos;
        lock (_gate)
        {
            if (_owner is null) return;
            _waits = true;
            foreach (var message in messages)
            {
                if (Identity.Policy.AllowsReceive(message.Topic))
                    _outbound.AddRetained(
                        new Delivery(message, granted < message.Qos ? granted : message.Qos, Retain: true, Identifiers: identifiers));
            }
        }
    }

    /// <summary>The next packet to send now; a message of QoS 1 or 2 is in flight from here on.</summary>
    /// <returns>False if nothing waits, or the client has as much unacknowledged as it takes.</returns>
    public bool TryDequeue(ISessionOwner owner, long now, out Outgoing next)
    {
        next = default;
        // Who only publishes, asks after each of its messages.
        if (!_waits) return false;
        lock (_gate)
        {
            if (_owner != owner) return false;
            if (_outbound.TryDequeue(owner, now, out next)) return true;
            _waits = !_outbound.IsEmpty;
            return false;
        }
    }

    /// <summary>PUBACK.</summary>
    public AckResult PubAck(ushort packetId)
    {
        lock (_gate) return _outbound.PubAck(packetId);
    }

    /// <summary>PUBREC.</summary>
    /// <param name="refused">With a code of 0x80 or above.</param>
    public AckResult PubRec(ushort packetId, bool refused)
    {
        lock (_gate)
        {
            _waits = true;
            return _outbound.PubRec(packetId, refused);
        }
    }

    /// <summary>PUBCOMP.</summary>
    public AckResult PubComp(ushort packetId)
    {
        lock (_gate) return _outbound.PubComp(packetId);
    }

    /// <summary>As if it had been sent and acknowledged.</summary>
    public void Forget(ushort packetId)
    {
        lock (_gate) _outbound.Forget(packetId);
    }

    /// <summary>
    /// Whether a QoS 2 message of the client's, not released yet, has this packet identifier: another PUBLISH with it is a repeat.
    /// </summary>
    public bool IsUnreleased(ushort packetId, out HeldMessage message)
    {
        lock (_gate) return _awaitingRelease.IsUnreleased(packetId, out message);
    }

    public bool IsUnreleased(ushort packetId) => IsUnreleased(packetId, out _);

    /// <summary>Others than sessions here are yet to take QoS 2 messages of the client's.</summary>
    public bool IsForwarding
    {
        get { lock (_gate) return _awaitingRelease.IsForwarding; }
    }

    /// <summary>Notes the packet identifier of a QoS 2 message from the client, until PUBREL.</summary>
    /// <returns>False if it is a repeat.</returns>
    public bool TryHold(ushort packetId)
    {
        lock (_gate) return _awaitingRelease.TryHold(packetId);
    }

    /// <summary>The message with this identifier was routed.</summary>
    public void Held(ushort packetId, HeldMessage message)
    {
        lock (_gate) _awaitingRelease.Note(packetId, message);
    }

    /// <summary>
    /// Others have the message too: from here on a repeat is one for the store as well. Before, a kill would pass it for taken.
    /// </summary>
    /// <returns>The journal's position at which that is durable; 0 if it need not be.</returns>
    public long Taken(ushort packetId)
    {
        lock (_gate)
        {
            if (!_awaitingRelease.IsUnreleased(packetId, out var held) || held.Elsewhere is null) return 0;
            long position = _ended || _stored is not { } stored ? held.Position : stored.Journal.Hold(stored, packetId);
            _awaitingRelease.Note(packetId, new HeldMessage(position));
            return position;
        }
    }

    /// <summary>PUBREL, or the message was not taken after all.</summary>
    /// <param name="position">The journal's, at which the identifier is durably free; 0 if it need not be.</param>
    /// <returns>False if there is no such identifier.</returns>
    public bool PubRel(ushort packetId, out long position)
    {
        lock (_gate)
        {
            bool known = _awaitingRelease.Release(packetId, out var held);
            // Nothing is known of it in the store if it was held in memory alone. If it is unknown here, its end may be on its way there
            // still.
            position = _stored is { } stored && !_ended && !(known && held.Position == 0) ? stored.Journal.PubRel(stored, packetId) : 0;
            return known;
        }
    }

    /// <summary>It leaves for another gateway: the connection goes, and what comes from now on waits with the rest.</summary>
    /// <param name="owner">The connection it had.</param>
    /// <returns>Its subscriptions.</returns>
    public HeldSubscription[] Depart(out ISessionOwner? owner)
    {
        lock (_gate)
        {
            (owner, _owner) = (_owner, null);
            _outbound.Pause();
            return _subscriptions.All;
        }
    }

    /// <summary>Its messages, for the gateway that it leaves for; what comes from now on waits here, and is sent on as well.</summary>
    public SessionMessages Copy(Action<Delivery> sendOn)
    {
        lock (_gate)
        {
            _dedup.SendOn = sendOn;
            var (inFlight, queued, lastPacketId) = _outbound.Copy();
            return new SessionMessages(inFlight, queued, lastPacketId, _awaitingRelease.PacketIds, [.. _dedup.Recent]);
        }
    }

    /// <summary>It does not leave, or not for that gateway: nothing is sent on any more.</summary>
    public void Recall()
    {
        lock (_gate) _dedup.SendOn = null;
    }

    /// <summary>The other gateway has it: nothing of it is kept here, and what still comes is sent on.</summary>
    public void HandOver(Action<Delivery> sendOn)
    {
        lock (_gate)
        {
            _dedup.SendOn = sendOn;
            _handedOver = true;
            _stored?.Journal.Remove(_stored);
            _stored = null;
            _outbound.Clear();
            _awaitingRelease.Clear();
        }
    }

    /// <inheritdoc cref="HandoffDedup.Arrive"/>
    public void Arrive()
    {
        lock (_gate) _dedup.Arrive();
    }

    /// <summary>Its messages from there, which go before all that has come here.</summary>
    public void Restore(SessionMessages messages)
    {
        HashSet<long> had = [.. messages.Known];
        lock (_gate)
        {
            _waits = true;
            _outbound.Restore(messages.InFlight, messages.Queued, messages.LastPacketId, had);
            foreach (ushort packetId in messages.Unreleased) _awaitingRelease.TryHold(packetId);
            _dedup.NoteAll(had);
        }
    }

    /// <summary>Whatever was on its way when it moved has come.</summary>
    public void EndDedup()
    {
        lock (_gate) _dedup.Stop();
    }

    private StoredDelivery? Take(in Delivery delivery, ISessionOwner? only)
    {
        ISessionOwner? owner;
        Action<Delivery>? sendOn;
        StoredDelivery? owed = null;
        bool hopeless = false;
        lock (_gate)
        {
            owner = _owner;
            if (!_dedup.Note(delivery.Message.Number, keep: ExpirySeconds > 0)) return null;
            sendOn = _ended ? null : _dedup.SendOn;
            if (sendOn is not null) delivery.Message.Keep();
            if ((_handedOver || !TryEnqueue(delivery, only, out owed, out hopeless)) && !hopeless && sendOn is null) return null;
        }
        sendOn?.Invoke(delivery);
        if (hopeless) owner?.End(EndCause.TooSlow);
        else owner?.Wake();
        return owed;
    }

    /// <param name="hopeless">
    /// A present client that lets a thousand acknowledged messages pile up is to be cut off; an absent one misses the newest.
    /// </param>
    private bool TryEnqueue(in Delivery delivery, ISessionOwner? only, out StoredDelivery? owed, out bool hopeless)
    {
        hopeless = false;
        owed = null;
        if (_ended || (_owner is null && delivery.Qos == Qos.AtMostOnce) || (only is not null && _owner != only))
        {
            _metrics.Dropped(DropReason.Offline);
            return false;
        }
        if (only is null && !Identity.Policy.AllowsReceive(delivery.Message.Topic))
        {
            _metrics.Denied(DeniedAction.Receive);
            return false;
        }
        if (only is null) owed = Owed(delivery, packetId: 0);
        _waits = true;
        if (_outbound.TryAdd(owed is null ? delivery : delivery with { Stored = owed })) return true;
        owed = null;
        hopeless = delivery.Qos != Qos.AtMostOnce;
        return false;
    }

    /// <summary>What the store is to know of a message; null if nothing.</summary>
    /// <param name="packetId">0 if it has none yet.</param>
    private StoredDelivery? Owed(in Delivery delivery, ushort packetId)
    {
        if (_stored is not { } stored || delivery.Qos == Qos.AtMostOnce) return null;
        if (delivery.Qos == Qos.AtLeastOnce) packetId = 0;
        else if (packetId == 0) packetId = _outbound.Reserve();
        delivery.Message?.Keep();
        return new StoredDelivery(
            stored, ++stored.LastNumber, delivery.Message, delivery.Qos, delivery.Retain, packetId, delivery.Identifiers)
        {
            IsQuick = _owner is not null && delivery.Qos == Qos.AtLeastOnce,
        };
    }

    private SubscriptionRow RowOf(in HeldSubscription subscription) =>
        new(_stored!.Id, subscription.Filter.Text, subscription.Options.ToByte(MqttVersion.V5), subscription.Identifier);
}
