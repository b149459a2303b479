using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// The way out to one subscriber: what is in flight and to be sent again, then what waits; never more unacknowledged than the client takes.
/// Guarded by the session's lock; acknowledgements and counts take it themselves.
/// </summary>
internal sealed class OutboundMessages
{
    private readonly Lock _gate;
    private readonly int _maxUnacknowledged;
    private readonly InFlight _inFlight = new();
    private readonly PacketIdentifiers _identifiers;
    private readonly WaitingMessages _waiting;
    private int _receiveMaximum;
    private OwedMessages? _owed;
    private bool _isPaused = true;
    private volatile bool _mayHaveNext;

    public OutboundMessages(
        Lock gate, SessionSubscriptions subscriptions, SessionOptions options, GatewayClock clock, GatewayMetrics metrics)
    {
        (_gate, _maxUnacknowledged) = (gate, options.ReceiveMaximum);
        _identifiers = new PacketIdentifiers(_inFlight);
        _waiting = new WaitingMessages(options, _identifiers, clock, metrics);
        Retained = new RetainedCursors(gate, _waiting, _inFlight, _identifiers, subscriptions);
    }

    public RetainedCursors Retained { get; }

    /// <summary>Whether to ask for the next. Without the lock: a client that only publishes asks after each of its messages.</summary>
    public bool MayHaveNext => _mayHaveNext;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged
    {
        get { lock (_gate) return _waiting.IsBacklogged; }
    }

    /// <summary>Messages that are yet to be sent, and those that were and are not done with.</summary>
    public (int Queued, int InFlight) Backlog
    {
        get { lock (_gate) return (_waiting.Count, _inFlight.Count); }
    }

    /// <summary>How many of the messages in the store, from the first, the client may have been sent.</summary>
    public int MaybeSent
    {
        get { lock (_gate) return _inFlight.CountStored(); }
    }

    /// <summary>The client has a connection, a new one.</summary>
    /// <param name="receiveMaximum">QoS 1 and 2 messages that it takes unacknowledged.</param>
    public void Begin(int receiveMaximum)
    {
        _receiveMaximum = Math.Min(receiveMaximum, _maxUnacknowledged);
        _inFlight.Rewind();
        (_isPaused, _mayHaveNext) = (false, true);
    }

    /// <summary>The client is away: what was promised at most once is not kept for it.</summary>
    public void Pause()
    {
        _isPaused = true;
        _waiting.Pause();
        Retained.Note();
    }

    /// <summary>Adds a message that ends with the connection.</summary>
    /// <returns>False if there is no room.</returns>
    public bool TryAdd(in Delivery delivery)
    {
        _mayHaveNext = true;
        return _waiting.TryAdd(delivery);
    }

    /// <summary>Adds a message that the session is owed, connected or not.</summary>
    /// <param name="owed">What is to be noted in the journal; null if nothing is.</param>
    /// <returns>False if there is no room.</returns>
    public bool TryAdd(in Delivery delivery, out StoredDelivery? owed)
    {
        owed = delivery.Qos == Qos.AtMostOnce ? null : _owed?.Add(delivery, isPresent: !_isPaused);
        if (TryAdd(owed is null ? delivery : delivery with { Stored = owed })) return true;
        owed = null;
        return false;
    }

    public void Begin(RetainedCursor cursor)
    {
        _mayHaveNext = true;
        Retained.Begin(cursor);
    }

    /// <summary>
    /// The next packet to send now; a message of QoS 1 or 2 is in flight from here on. Who takes a message releases it once it is written.
    /// </summary>
    /// <param name="looks">How many topics with retained messages may be looked at; what is left of it afterwards.</param>
    /// <returns>
    /// False if nothing waits, the client has as much unacknowledged as it takes [MQTT-3.3.4-9], no look is left, or the next is not
    /// durable yet; then <paramref name="owner"/> is woken when it is.
    /// </returns>
    public bool TryDequeue(ISessionConnection owner, SessionPolicy policy, long now, ref int looks, out Outgoing next)
    {
        if (_inFlight.TryRelease(owner, out ushort packetId))
        {
            next = new Outgoing(packetId, Publish: null, Duplicate: false);
            return true;
        }
        if (_inFlight.HasToRepeat ? TryRepeat(owner, out next)
            : Retained.TrySend(owner, policy, _receiveMaximum, now, ref looks, out next) || TrySend(owner, now, out next)) return true;
        _mayHaveNext = _inFlight.HasToRelease || _inFlight.HasToRepeat || !Retained.IsEmpty || !_waiting.IsEmpty;
        return false;
    }

    public AckResult PubAck(ushort packetId)
    {
        lock (_gate) return Acknowledged(_inFlight.PubAck(packetId));
    }

    /// <param name="refused">With a code of 0x80 or above.</param>
    public AckResult PubRec(ushort packetId, bool refused)
    {
        lock (_gate)
        {
            _mayHaveNext = true;
            return Acknowledged(_inFlight.PubRec(packetId, refused));
        }
    }

    public AckResult PubComp(ushort packetId)
    {
        lock (_gate) return Acknowledged(_inFlight.PubComp(packetId));
    }

    /// <summary>As if it had been sent and acknowledged.</summary>
    public void Forget(ushort packetId)
    {
        lock (_gate)
        {
            _inFlight.Remove(packetId);
            Retained.Acknowledged();
        }
    }

    /// <summary>
    /// Messages of shared subscriptions that another member may have when the session ends: of QoS 1 what is not acknowledged, of QoS 2
    /// what was not sent [MQTT-4.8.2-5]. Who takes them releases them.
    /// </summary>
    public Delivery[] Shared()
    {
        var sent = _inFlight.Copy().Select(sent => sent.Delivery).Where(delivery => delivery.Qos == Qos.AtLeastOnce);
        Delivery[] shared = [.. sent.Concat(_waiting.Queued).Where(delivery => delivery.Share is not null)];
        foreach (var delivery in shared) delivery.Message.Hold();
        return shared;
    }

    /// <summary>
    /// All of it, for the gateway that the session leaves for. Persistent sessions have messages in memory of their own only.
    /// </summary>
    public (SentMessage[] InFlight, Delivery[] Queued, ushort LastPacketId) Copy() =>
        (_inFlight.Copy(), [.. _waiting.Queued], _identifiers.Last);

    /// <summary>Puts what another gateway had before what came here since.</summary>
    /// <param name="had">Numbers of messages that the session has had there.</param>
    public void Restore(IEnumerable<SentMessage> inFlight, IEnumerable<Delivery> queued, ushort lastPacketId, HashSet<MessageNumber> had)
    {
        _inFlight.Restore(inFlight);
        _identifiers.Last = lastPacketId;
        _waiting.Restore(queued, had);
        _mayHaveNext = true;
    }

    /// <summary>The session has become one that is kept in the store: notes what it is owed already.</summary>
    public void Keep(StoredSession stored)
    {
        _owed = new OwedMessages(stored, _identifiers, _inFlight, _waiting);
        _owed.NoteAll(isPresent: !_isPaused);
    }

    /// <summary>Nothing of it is kept any more, in memory or in the store.</summary>
    public void Clear()
    {
        _owed = null;
        Retained.Clear();
        _waiting.Clear();
        _inFlight.Clear();
        _identifiers.Clear();
    }

    /// <summary>Puts back what the store had.</summary>
    /// <param name="maybeSent">How many of them, from the first, the client may have been sent.</param>
    public void Restore(StoredSession stored, IReadOnlyList<Delivery> deliveries, int maybeSent)
    {
        _owed = new OwedMessages(stored, _identifiers, _inFlight, _waiting);
        _owed.Restore(deliveries, maybeSent);
        _mayHaveNext = true;
    }

    private AckResult Acknowledged(AckResult result)
    {
        Retained.Acknowledged();
        return result;
    }

    private bool TryRepeat(ISessionConnection owner, out Outgoing next)
    {
        next = default;
        bool mayRepeat = _inFlight.Outstanding < _receiveMaximum && _inFlight.NextToRepeat?.MayBeSent(owner) != false;
        if (!mayRepeat || !_inFlight.TryRepeat(out var sent)) return false;
        if (!sent.Released) sent.Delivery.Message.Hold();
        next = new Outgoing(sent.PacketId, sent.Released ? null : sent.Delivery, Duplicate: true);
        return true;
    }

    private bool TrySend(ISessionConnection owner, long now, out Outgoing next)
    {
        next = default;
        if (!_waiting.TryPeek(now, out var delivery) || !Retained.LetPass(delivery.Message.Topic)) return false;
        ushort packetId = 0;
        if (delivery.Qos != Qos.AtMostOnce)
        {
            if (delivery.Stored is { PacketId: 0 } && !_waiting.TryIdentifyFirst()) return false;
            if (_inFlight.Outstanding >= _receiveMaximum || delivery.Stored?.MayBeSent(owner) == false) return false;
            packetId = _identifiers.Use(delivery);
            _inFlight.Add(new SentMessage(packetId, delivery));
            delivery.Message.Hold();
        }
        _waiting.Dequeue();
        _mayHaveNext = !_waiting.IsEmpty || !Retained.IsEmpty || _inFlight.HasToRelease;
        next = new Outgoing(packetId, delivery, Duplicate: false);
        return true;
    }
}
