using Fleet.Gateway.Journal;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>The next packet for a subscriber.</summary>
/// <param name="PacketId">0 with QoS 0.</param>
/// <param name="Publish">Null: it is the PUBREL of a message that the client has.</param>
/// <param name="Duplicate">It was sent before [MQTT-3.3.1-1].</param>
internal readonly record struct Outgoing(ushort PacketId, Delivery? Publish, bool Duplicate);

/// <summary>
/// The way out to one subscriber: what is in flight and to be sent again, then the retained messages of new subscriptions, then the queue;
/// never more unacknowledged than the client takes. Guarded by the session's lock.
/// </summary>
internal sealed class OutboundMessages(SessionOptions options, GatewayClock clock, GatewayMetrics metrics)
{
    private const int IdentifiedAtOnce = 1_000;

    private readonly DeliveryQueue _queue = new(options.MaxQueuedMessages, options.MaxQueuedBytes);
    private readonly InFlight _inFlight = new();
    private Queue<Delivery>? _retained;
    private Queue<ushort>? _releasing;
    private int _receiveMaximum;

    /// <summary>Some of the queue may wait without a packet identifier that should have one.</summary>
    private bool _unnamed;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged => _queue.Count >= 64 || _queue.Bytes >= options.MaxOutboundBytes;

    /// <summary>Messages that are yet to be sent, and those that were and are not done with.</summary>
    public (int Queued, int InFlight) Backlog => (_queue.Count + (_retained?.Count ?? 0), _inFlight.Count);

    /// <summary>There is nothing to send, now or later; what was sent and is not acknowledged aside.</summary>
    public bool IsEmpty => _queue.Count == 0 && _retained is null && _releasing is null && !_inFlight.HasToRepeat;

    /// <summary>The client has a connection, a new one.</summary>
    /// <param name="receiveMaximum">QoS 1 and 2 messages that it takes unacknowledged.</param>
    public void Begin(int receiveMaximum)
    {
        _receiveMaximum = Math.Min(receiveMaximum, options.ReceiveMaximum);
        _inFlight.Rewind();
        _releasing = null;
    }

    /// <summary>The client is away: what was promised at most once is not kept for it.</summary>
    public void Pause()
    {
        _queue.DropQos0();
        _retained = null;
    }

    /// <returns>False if there is no room, even without what has expired [MQTT-3.3.2-5] or was promised at most once.</returns>
    public bool TryAdd(in Delivery delivery)
    {
        delivery.Message.Hold();
        if (_queue.TryEnqueue(delivery)) return true;
        int expired = _queue.DropExpired(clock.NowMs, Expire);
        metrics.Dropped(DropReason.Expired, expired);
        if (expired > 0 && _queue.TryEnqueue(delivery)) return true;
        if (delivery.Qos != Qos.AtMostOnce)
        {
            int dropped = _queue.DropQos0();
            metrics.Dropped(DropReason.QueueFull, dropped);
            if (dropped > 0 && _queue.TryEnqueue(delivery)) return true;
        }
        _inFlight.Unreserve(delivery);
        metrics.Dropped(DropReason.QueueFull);
        delivery.Message.Release();
        return false;
    }

    /// <summary>
    /// A packet identifier for a QoS 2 message that is about to be added; 0 if more than 64,000 wait: then it gets one when it is nearly
    /// its turn.
    /// </summary>
    public ushort Reserve()
    {
        // Those that wait without come first: none must be overtaken until there is none for it.
        ushort id = _unnamed ? (ushort)0 : _inFlight.Reserve();
        _unnamed = id == 0;
        return id;
    }

    /// <summary>How many of the messages that the store knows the client may have been sent.</summary>
    public int MaybeSent => _inFlight.CountStored();

    /// <summary>They are in memory already, so their number is not bounded here.</summary>
    public void AddRetained(in Delivery delivery)
    {
        delivery.Message.Hold();
        (_retained ??= new()).Enqueue(delivery);
    }

    /// <summary>
    /// The next packet to send now; a message of QoS 1 or 2 is in flight from here on. Who takes a message releases it once it is written.
    /// </summary>
    /// <returns>
    /// False if nothing waits, the client has as much unacknowledged as it takes [MQTT-3.3.4-9], or the next is not durable yet; then
    /// <paramref name="owner"/> is woken when it is.
    /// </returns>
    public bool TryDequeue(ISessionOwner owner, long now, out Outgoing next)
    {
        next = default;
        if (TryDequeueRelease(owner, out next)) return true;
        if (_inFlight.HasToRepeat)
        {
            if (_inFlight.Outstanding >= _receiveMaximum || _inFlight.NextToRepeat?.MayBeSent(owner) == false
                || !_inFlight.TryRepeat(out var sent))
            {
                return false;
            }
            if (!sent.Released) sent.Delivery.Message.Hold();
            next = new Outgoing(sent.PacketId, sent.Released ? null : sent.Delivery, Duplicate: true);
            return true;
        }
        while (TryPeek(out var delivery))
        {
            if (delivery.Message.IsExpired(now))
            {
                Dequeue();
                Expire(delivery);
                metrics.Dropped(DropReason.Expired);
                continue;
            }
            ushort packetId = 0;
            if (delivery.Qos != Qos.AtMostOnce)
            {
                if (delivery.Stored is { NeedsPacketId: true } stored && !TryIdentify(stored)) return false;
                if (_inFlight.Outstanding >= _receiveMaximum || delivery.Stored?.MayBeSent(owner) == false) return false;
                packetId = _inFlight.Add(delivery);
                delivery.Message.Hold();
            }
            Dequeue();
            next = new Outgoing(packetId, delivery, Duplicate: false);
            return true;
        }
        return false;
    }

    public AckResult PubAck(ushort packetId) => _inFlight.PubAck(packetId);

    public AckResult PubRec(ushort packetId, bool refused)
    {
        var result = _inFlight.PubRec(packetId, refused);
        if (result == AckResult.Later) (_releasing ??= new()).Enqueue(packetId);
        return result;
    }

    public AckResult PubComp(ushort packetId) => _inFlight.PubComp(packetId);

    public void Forget(ushort packetId) => _inFlight.Remove(packetId);

    /// <summary>
    /// All of it, for the gateway that the session leaves for. Persistent sessions have messages in memory of their own only.
    /// </summary>
    public (SentMessage[] InFlight, Delivery[] Queued, ushort LastPacketId) Copy() =>
        (_inFlight.Copy(), [.. _queue.Peek(_queue.Count)], _inFlight.LastId);

    /// <summary>Puts what another gateway had before what came here since.</summary>
    /// <param name="had">Numbers of messages that the session has had there.</param>
    public void Restore(IEnumerable<SentMessage> inFlight, IEnumerable<Delivery> queued, ushort lastPacketId, HashSet<long> had)
    {
        var since = _queue.RemoveAll().Where(delivery => !had.Contains(delivery.Message.Number));
        _inFlight.Restore(inFlight, lastPacketId);
        foreach (var delivery in queued.Concat(since))
        {
            if (!_queue.TryEnqueue(delivery)) metrics.Dropped(DropReason.QueueFull);
        }
    }

    /// <summary>The session has become one that is kept in the store.</summary>
    /// <param name="owed">
    /// Says what the store is to know of a message, with its packet identifier if that is given already; null if nothing.
    /// </param>
    public void Keep(Func<Delivery, ushort, StoredDelivery?> owed)
    {
        _inFlight.Replace(sent =>
        {
            var qos = sent.Released ? Qos.ExactlyOnce : sent.Delivery.Qos;
            return sent.Delivery with { Stored = owed(sent.Delivery with { Qos = qos }, sent.PacketId) };
        });
        _queue.Replace(delivery => delivery with { Stored = owed(delivery, 0) });
    }

    public void Clear()
    {
        _queue.Clear();
        _retained = null;
        _releasing = null;
        _inFlight.Clear();
    }

    /// <summary>Puts back what the store had.</summary>
    /// <param name="maybeSent">How many of them, from the first, the client may have been sent.</param>
    public void Restore(IReadOnlyList<Delivery> deliveries, int maybeSent)
    {
        foreach (var delivery in deliveries)
        {
            if (delivery.Stored!.PacketId is not 0 and var id) _inFlight.Reserve(id);
        }
        List<SentMessage> sent = [];
        for (int i = 0; i < deliveries.Count; i++)
        {
            var delivery = deliveries[i];
            bool released = delivery.Stored!.Message is null;
            // What has no identifier was not sent, and nor was what came after it.
            if (!released && delivery.Stored.NeedsPacketId) (maybeSent, _unnamed) = (Math.Min(maybeSent, i), true);
            if (released || i < maybeSent)
            {
                sent.Add(new SentMessage(delivery.Stored.PacketId is not 0 and var id ? id : _inFlight.NextId(), delivery, released));
            }
            // Its bounds may be narrower than they were.
            else if (!TryAdd(delivery)) delivery.Finish();
        }
        _inFlight.Restore(sent, _inFlight.LastId);
        // Not before: an identifier that is not in use until then must not be given to another.
        foreach (var message in sent) _inFlight.Unreserve(message.Delivery);
    }

    /// <summary>For the next of the queue, many at once: that costs the store one write, and them one wait.</summary>
    /// <returns>False if there is none for the first.</returns>
    private bool TryIdentify(StoredDelivery first)
    {
        foreach (var delivery in _queue.Peek(IdentifiedAtOnce))
        {
            if (delivery.Stored is not { NeedsPacketId: true } stored) continue;
            if (_inFlight.Reserve() is not 0 and var id) stored.Identify(id);
            else return !first.NeedsPacketId;
        }
        _unnamed = _queue.Count > IdentifiedAtOnce;
        return true;
    }

    private void Expire(Delivery delivery)
    {
        _inFlight.Unreserve(delivery);
        delivery.Finish();
    }

    /// <summary>
    /// PUBREL goes out as soon as its PUBREC is durable [MQTT-4.3.3-5]: after a kill, the client that has had it must not be sent PUBLISH.
    /// </summary>
    private bool TryDequeueRelease(ISessionOwner owner, out Outgoing next)
    {
        next = default;
        while (_releasing is not null && _releasing.TryPeek(out ushort packetId))
        {
            var stored = _inFlight.FindReleased(packetId);
            if (stored?.MayBeSent(owner) == false) return false;
            _releasing.Dequeue();
            if (_releasing.Count == 0) _releasing = null;
            if (stored is null) continue;
            next = new Outgoing(packetId, Publish: null, Duplicate: false);
            return true;
        }
        return false;
    }

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
}
