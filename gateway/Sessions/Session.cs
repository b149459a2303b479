using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// An MQTT session: subscriptions, messages in flight, and a bounded queue. It outlives its connections, of which it has one or none. Any thread
/// may deliver to it: one short lock, under which no other lock is taken and nobody is called, so that a publisher never waits for a subscriber.
/// In memory: it ends with the process (docs/adr/0002-mqtt-stack.md).
/// </summary>
internal sealed class Session : Subscriber
{
    private readonly Lock _gate = new();
    private readonly GatewayOptions _options;
    private readonly GatewayMetrics _metrics;
    private readonly DeliveryQueue _queue;
    private readonly InFlight _inFlight = new();
    private readonly SessionSubscriptions _subscriptions;
    private Queue<Delivery>? _retained;
    private ISessionOwner? _owner;
    private SessionMove? _move;
    private RecentNumbers? _recent;
    private int _receiveMaximum;
    private bool _ended;

    public Session(SessionIdentity identity, GatewayOptions options, GatewayMetrics metrics)
    {
        Identity = identity;
        _options = options;
        _metrics = metrics;
        _subscriptions = new SessionSubscriptions(options.MaxSubscriptionsPerSession);
        _queue = new DeliveryQueue(options.MaxQueuedMessages, options.MaxQueuedBytes);
    }

    /// <summary>Of the present connection, or the last.</summary>
    public SessionIdentity Identity { get; private set; }

    /// <summary>Seconds that it outlives its connection.</summary>
    public uint ExpirySeconds { get; set; }

    /// <summary>Kept by the directory, under its lock.</summary>
    public Will? Will { get; set; }

    /// <summary>Kept by the directory: when its time is up, on the monotonic clock. Null while it has a connection.</summary>
    public long? ExpiresAt { get; set; }

    public bool IsConnected => Volatile.Read(ref _owner) is not null;

    public override bool IsAvailable => IsConnected;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged
    {
        get { lock (_gate) return _queue.Count >= 64 || _queue.Bytes >= _options.MaxOutboundBytes; }
    }

    public bool HasEnded
    {
        get { lock (_gate) return _ended; }
    }

    /// <summary>Gives the session to a connection and returns the one it had.</summary>
    /// <param name="receiveMaximum">QoS 1 messages that the client takes unacknowledged.</param>
    public ISessionOwner? Attach(ISessionOwner owner, SessionIdentity identity, int receiveMaximum)
    {
        lock (_gate)
        {
            var before = _owner;
            _owner = owner;
            Identity = identity;
            _receiveMaximum = Math.Min(receiveMaximum, _options.ReceiveMaximum);
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
            _queue.DropQos0();
            _retained = null;
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
            var filters = _subscriptions.TakeAll();
            _queue.Clear();
            _retained = null;
            _inFlight.Clear();
            return (filters, owner);
        }
    }

    /// <summary>Notes a subscription. False if there are too many already, or the session has ended.</summary>
    public bool TryAddSubscription(TopicFilter filter, SubscriptionOptions options)
    {
        lock (_gate) return !_ended && _subscriptions.TrySet(filter, options);
    }

    public bool RemoveSubscription(TopicFilter filter)
    {
        lock (_gate) return _subscriptions.Remove(filter);
    }

    /// <summary>The best QoS this session has asked for on a topic name, or null if it has not asked at all.</summary>
    public Qos? SubscribedQos(string topicName)
    {
        lock (_gate) return _subscriptions.BestQos(topicName);
    }

    /// <summary>Takes a message for the subscriber; drops it if policy, queue or absence say so.</summary>
    public void Deliver(in Delivery delivery) => Deliver(delivery, only: null);

    /// <summary>
    /// Takes the retained messages of a new subscription. They are in memory already, so their number is not bounded here: a whole fleet's status
    /// must not count as a slow client's queue. They go out before what is published from now on.
    /// </summary>
    public void DeliverRetained(List<Publication> messages, Qos granted)
    {
        lock (_gate)
        {
            if (_owner is null) return;
            foreach (var message in messages)
            {
                if (Identity.Policy.AllowsReceive(message.Topic))
                    (_retained ??= new()).Enqueue(new Delivery(message, granted < message.Qos ? granted : message.Qos, Retain: true));
            }
        }
    }

    /// <summary>Takes the answer to a request for the connection that made it; drops it if that one is gone. No policy is asked: it was, at the request.</summary>
    public void DeliverTo(ISessionOwner requester, in Delivery delivery) => Deliver(delivery, requester);

    private void Deliver(in Delivery delivery, ISessionOwner? only)
    {
        ISessionOwner? owner;
        Action<Delivery>? sendOn = null;
        bool hopeless = false;
        lock (_gate)
        {
            owner = _owner;
            if (_move is { } move && !_ended)
            {
                if (move.Known is { } known && delivery.Message.Number != 0 && !known.Add(delivery.Message.Number)) return;
                sendOn = move.SendOn;
            }
            if (delivery.Message.Number != 0 && ExpirySeconds > 0) (_recent ??= new()).Add(delivery.Message.Number);
            if (sendOn is null && !TryTakeIn(delivery, only, out hopeless))
            {
                delivery.Message.Release();
                if (!hopeless) return;
            }
        }
        if (sendOn is not null) sendOn(delivery);
        else if (hopeless) owner?.End(EndCause.TooSlow);
        else owner?.Wake();
    }

    /// <param name="hopeless">A present client that lets a thousand acknowledged messages pile up is to be cut off; an absent one misses the newest.</param>
    private bool TryTakeIn(in Delivery delivery, ISessionOwner? only, out bool hopeless)
    {
        hopeless = false;
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
        if (_queue.TryEnqueue(delivery) || MakeRoomFor(delivery)) return true;
        _metrics.Dropped(DropReason.QueueFull);
        hopeless = delivery.Qos != Qos.AtMostOnce;
        return false;
    }

    /// <summary>It passes to another gateway: what comes from now on waits with the rest. Returns its subscriptions, and the connection it had.</summary>
    public ((TopicFilter Filter, SubscriptionOptions Options)[] Subscriptions, ISessionOwner? Owner) Depart()
    {
        lock (_gate)
        {
            var owner = _owner;
            _owner = null;
            _retained = null;
            _queue.DropQos0();
            return (_subscriptions.All, owner);
        }
    }

    /// <summary>Its messages, for the gateway that it has passed to; what comes from now on is sent on.</summary>
    public ((ushort PacketId, Delivery Delivery)[] InFlight, Delivery[] Queued, ushort LastPacketId, IEnumerable<long> Known) Collect(Action<Delivery> sendOn)
    {
        lock (_gate)
        {
            _move = new SessionMove { SendOn = sendOn };
            // A copy: what comes from now on is sent on, and must not count as known there.
            return (_inFlight.TakeAll(), _queue.TakeAll(), _inFlight.LastId, [.. _recent?.All ?? []]);
        }
    }

    /// <summary>It comes from another gateway: what reaches it here is noted, to be known when it comes by the other one too.</summary>
    public void Arrive()
    {
        lock (_gate) _move = new SessionMove { Known = [] };
    }

    /// <summary>Its messages from there, which go before all that has come here.</summary>
    /// <param name="known">Numbers of messages that it has had, whether or not they are among these.</param>
    public void Restore(IEnumerable<(ushort PacketId, Delivery Delivery)> inFlight, IEnumerable<Delivery> queued, ushort lastPacketId, ImmutableArray<long> known)
    {
        Delivery[] before = [.. queued];
        Action<Delivery>? sendOn;
        lock (_gate)
        {
            var since = _queue.TakeAll();
            HashSet<long> had = [.. known];
            // It may be on its way to a third gateway by now.
            sendOn = _move?.SendOn;
            if (sendOn is null)
            {
                _inFlight.Restore(inFlight, lastPacketId);
                foreach (var delivery in before.Concat(since.Where(delivery => !had.Contains(delivery.Message.Number))))
                {
                    if (!_queue.TryEnqueue(delivery)) _metrics.Dropped(DropReason.QueueFull);
                }
            }
            _move?.Known?.UnionWith(had);
            foreach (long number in known) (_recent ??= new()).Add(number);
        }
        foreach (var delivery in sendOn is null ? [] : inFlight.Select(sent => sent.Delivery with { Again = true }).Concat(before)) sendOn!(delivery);
    }

    /// <summary>Whatever was on its way when it moved has come.</summary>
    public void Settle()
    {
        lock (_gate) _move = null;
    }

    /// <summary>The next message to send now; a QoS 1 message is in flight from here on.</summary>
    /// <param name="packetId">0 with QoS 0.</param>
    /// <returns>False if nothing waits, or the client has as much unacknowledged as it takes.</returns>
    public bool TryTake(ISessionOwner owner, long now, out Delivery delivery, out ushort packetId)
    {
        lock (_gate)
        {
            packetId = 0;
            while (_owner == owner && TryPeek(out delivery))
            {
                if (delivery.Message.IsExpired(now))
                {
                    Dequeue();
                    delivery.Message.Release();
                    _metrics.Dropped(DropReason.Expired);
                    continue;
                }
                if (delivery.Qos != Qos.AtMostOnce)
                {
                    if (_inFlight.Count >= _receiveMaximum) break;
                    packetId = _inFlight.Add(delivery);
                }
                Dequeue();
                return true;
            }
            delivery = default;
            return false;
        }
    }

    /// <summary>What is to be sent again to a client that came back [MQTT-4.4.0-1].</summary>
    public (ushort PacketId, Delivery Delivery)[] Unacknowledged()
    {
        lock (_gate) return [.. _inFlight.All];
    }

    /// <returns>False if nothing with this identifier is in flight.</returns>
    public bool Acknowledge(ushort packetId)
    {
        lock (_gate) return _inFlight.Remove(packetId);
    }

    public bool IsInFlight(ushort packetId)
    {
        lock (_gate) return _inFlight.Contains(packetId);
    }

    public void EndConnection(EndCause cause) => Volatile.Read(ref _owner)?.End(cause);

    private bool TryPeek(out Delivery delivery) => _retained is not null ? _retained.TryPeek(out delivery) : _queue.TryPeek(out delivery);

    private void Dequeue()
    {
        if (_retained is null)
        {
            _queue.Dequeue();
            return;
        }
        _retained.Dequeue();
        if (_retained.Count == 0) _retained = null;
    }

    private bool MakeRoomFor(in Delivery delivery)
    {
        if (delivery.Qos == Qos.AtMostOnce) return false;
        int dropped = _queue.DropQos0();
        _metrics.Dropped(DropReason.QueueFull, dropped);
        return dropped > 0 && _queue.TryEnqueue(delivery);
    }
}
