using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// An MQTT session (MQTT 5.0, 4.1): its subscriptions, the way out to the client and the way in from it. It outlives its connections, of
/// which it has one or none. Any thread may deliver to it: its parts share one short lock, under which no other lock is taken but the
/// journal's and that of the retained messages, and nobody is called, so that a publisher never waits for a subscriber. One that outlives
/// its connections outlives the process too (docs/adr/0009-durable-sessions.md).
/// </summary>
internal sealed class Session : Subscriber
{
    private readonly Lock _gate = new();
    private readonly GatewayMetrics _metrics;
    private ISessionConnection? _owner;
    private volatile StoredSession? _stored;
    private bool _ended;

    public Session(SessionIdentity identity, SessionOptions options, GatewayClock clock, GatewayMetrics metrics)
    {
        Identity = identity;
        _metrics = metrics;
        Subscriptions = new SessionSubscriptions(_gate, options.MaxSubscriptionsPerSession);
        Outbound = new OutboundMessages(_gate, Subscriptions, options, clock, metrics);
        AwaitingRelease = new AwaitingRelease(_gate);
        Move = new SessionMove(_gate, Outbound, AwaitingRelease);
    }

    /// <summary>Of the present connection, or the last.</summary>
    public SessionIdentity Identity { get; private set; }

    public SessionSubscriptions Subscriptions { get; }
    public OutboundMessages Outbound { get; }
    public AwaitingRelease AwaitingRelease { get; }
    public SessionMove Move { get; }

    /// <summary>Seconds that it outlives its connection.</summary>
    public uint ExpirySeconds { get; set; }

    /// <summary>Kept by the directory, under its lock; so is <see cref="ExpiresAt"/>.</summary>
    public Will? Will { get; set; }

    /// <summary>When its time is up, on the monotonic clock. Null while it has a connection.</summary>
    public long? ExpiresAt { get; set; }

    /// <summary>
    /// It comes from a dead gateway, and is known for what it is until all that was on its way there has come; null otherwise.
    /// </summary>
    public ISessionIntake? Intake { get; set; }

    /// <summary>Null: it is kept in memory alone, because it ends with its connection.</summary>
    public StoredSession? Stored => _stored;

    public bool IsConnected => Volatile.Read(ref _owner) is not null;
    public override bool IsAvailable => IsConnected;
    public override bool IsStored => _stored is not null;
    public override bool TakesPassing => _stored is null;

    public bool HasEnded
    {
        get { lock (_gate) return _ended; }
    }

    public bool IsOwnedBy(ISessionConnection owner) => Volatile.Read(ref _owner) == owner;

    /// <summary>Gives the session to a connection and returns the one it had.</summary>
    /// <param name="receiveMaximum">QoS 1 and 2 messages that the client takes unacknowledged.</param>
    public ISessionConnection? Attach(ISessionConnection owner, SessionIdentity identity, int receiveMaximum)
    {
        lock (_gate)
        {
            var before = _owner;
            (_owner, Identity) = (owner, identity);
            Outbound.Begin(receiveMaximum);
            return before;
        }
    }

    /// <returns>False if the session has passed to another connection, or ended.</returns>
    public bool Detach(ISessionConnection owner)
    {
        lock (_gate)
        {
            if (_owner != owner || _ended) return false;
            Depart();
            return true;
        }
    }

    /// <summary>The connection goes; what comes from now on waits with the rest.</summary>
    /// <returns>The connection that it had.</returns>
    public ISessionConnection? Depart()
    {
        lock (_gate)
        {
            var owner = _owner;
            _owner = null;
            Outbound.Pause();
            return owner;
        }
    }

    /// <summary>Ends it for good. What it has goes with <see cref="Clear"/>.</summary>
    public EndedSession End()
    {
        lock (_gate)
        {
            _ended = true;
            return new(Depart(), Subscriptions.End(), Move.IsOnlyCopy ? Outbound.Shared() : []);
        }
    }

    /// <summary>Nothing of it is kept, here or in the store.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            // First the session: what goes with it needs no word of its own.
            _stored?.Remove();
            Outbound.Clear();
            AwaitingRelease.Clear();
        }
    }

    /// <summary>The other gateway has it: nothing of it is kept here, and what still comes is sent on.</summary>
    public void HandOver(Action<Delivery> sendOn)
    {
        lock (_gate)
        {
            Move.Leave(sendOn);
            Clear();
            _stored = null;
        }
    }

    /// <summary>From here on all of it is kept in the store too, beginning with what there is.</summary>
    public void Keep(StoredSession stored)
    {
        lock (_gate)
        {
            if (_ended || _stored is not null) return;
            _stored = stored;
            Subscriptions.Keep(stored);
            Outbound.Keep(stored);
            AwaitingRelease.Keep(stored);
        }
    }

    /// <summary>Takes what the store had. Before anybody can reach it.</summary>
    /// <param name="maybeSent">How many of the deliveries, from the first, the client may have been sent.</param>
    public void Restore(StoredSession stored, IReadOnlyList<Delivery> deliveries, int maybeSent, IEnumerable<ushort> unreleased)
    {
        lock (_gate)
        {
            _stored = stored;
            Subscriptions.Restore(stored);
            Outbound.Restore(stored, deliveries, maybeSent);
            AwaitingRelease.Restore(stored, unreleased);
        }
    }

    // Until it is open, it gets what is published here in another way: each publisher's messages are to reach it in order.
    public override StoredDelivery? Deliver(in Delivery delivery, bool isHere) =>
        isHere && Intake?.IsOpenTo(null) == false ? null : Deliver(delivery);

    /// <summary>Takes a message for the subscriber; drops it if policy, queue or absence say so.</summary>
    /// <returns>What is to be noted in the journal; null if nothing is.</returns>
    public StoredDelivery? Deliver(in Delivery delivery)
    {
        ISessionConnection? owner;
        Action<Delivery>? sendOn;
        StoredDelivery? owed = null;
        bool isFull, isTooSlow;
        lock (_gate)
        {
            owner = _owner;
            if (!Move.TryNote(delivery.Message.Number, mayMove: ExpirySeconds > 0)) return null;
            // What has left goes on being sent on, also when nothing is left of it here.
            sendOn = _ended && !Move.HasLeft ? null : Move.SendOn;
            if (sendOn is not null) delivery.Message.Keep();
            bool isWanted = !Move.HasLeft && Wants(delivery);
            isFull = isWanted && !Outbound.TryAdd(delivery, out owed);
            isTooSlow = isFull && IsTooSlow(owner, delivery.Qos);
            if ((!isWanted || (isFull && delivery.Qos == Qos.AtMostOnce)) && sendOn is null) return null;
        }
        sendOn?.Invoke(delivery);
        if (isTooSlow) owner!.End(EndCause.TooSlow);
        else owner?.Wake();
        return owed;
    }

    /// <summary>Takes the answer to a request, for the connection that made it and no other. Its policy was asked at the request.</summary>
    public void DeliverTo(ISessionConnection requester, in Delivery delivery)
    {
        var qos = delivery.Qos > delivery.Message.Qos ? delivery.Message.Qos : delivery.Qos;
        var answer = delivery with { Qos = qos, Identifiers = Subscriptions.Identifiers(delivery.Message.Topic) };
        bool isTooSlow;
        lock (_gate)
        {
            if (_owner != requester)
            {
                _metrics.Dropped(DropReason.Offline);
                return;
            }
            isTooSlow = !Outbound.TryAdd(answer) && IsTooSlow(requester, qos);
        }
        if (isTooSlow) requester.End(EndCause.TooSlow);
        else requester.Wake();
    }

    /// <summary>A new subscription gets the retained messages that it covers as there is room; what is published waits for them.</summary>
    public void BeginRetained(RetainedCursor cursor)
    {
        lock (_gate)
        {
            // It may have been given up in between.
            if (Subscriptions.Has(cursor.Subscription.Filter)) Outbound.Begin(cursor);
        }
    }

    /// <inheritdoc cref="OutboundMessages.TryDequeue"/>
    public bool TryDequeue(ISessionConnection owner, long now, ref int looks, out Outgoing next)
    {
        next = default;
        if (!Outbound.MayHaveNext) return false;
        lock (_gate) return _owner == owner && Outbound.TryDequeue(owner, Identity.Policy, now, ref looks, out next);
    }

    /// <summary>
    /// A present client that lets a thousand acknowledged messages pile up is to be cut off. An absent one misses the newest, and so does
    /// one that waits for this gateway: to be read itself, or for the retained messages to be.
    /// </summary>
    private bool IsTooSlow(ISessionConnection? owner, Qos qos) =>
        qos != Qos.AtMostOnce && owner is { IsHeld: false } && !Outbound.Retained.IsWaiting;

    private bool Wants(in Delivery delivery)
    {
        if (_ended || (_owner is null && delivery.Qos == Qos.AtMostOnce))
        {
            _metrics.Dropped(DropReason.Offline);
            return false;
        }
        if (Identity.Policy.AllowsReceive(delivery.Message.Topic)) return true;
        _metrics.Denied(DeniedAction.Receive);
        return false;
    }
}
