using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>The next packet for a subscriber.</summary>
/// <param name="PacketId">0 with QoS 0.</param>
/// <param name="Publish">Null: it is the PUBREL of a message that the client has.</param>
/// <param name="Duplicate">It was sent before [MQTT-3.3.1-1].</param>
internal readonly record struct Outgoing(ushort PacketId, Delivery? Publish, bool Duplicate);

/// <summary>
/// The way out to one subscriber: what is in flight and to be sent again, then the retained messages of new subscriptions, then the queue; never
/// more unacknowledged than the client takes. Guarded by the session's lock.
/// </summary>
internal sealed class Outflow(GatewayOptions options, GatewayMetrics metrics)
{
    private readonly DeliveryQueue _queue = new(options.MaxQueuedMessages, options.MaxQueuedBytes);
    private readonly InFlight _inFlight = new();
    private Queue<Delivery>? _retained;
    private int _receiveMaximum;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged => _queue.Count >= 64 || _queue.Bytes >= options.MaxOutboundBytes;

    /// <summary>The client has a connection, a new one.</summary>
    /// <param name="receiveMaximum">QoS 1 and 2 messages that it takes unacknowledged.</param>
    public void Begin(int receiveMaximum)
    {
        _receiveMaximum = Math.Min(receiveMaximum, options.ReceiveMaximum);
        _inFlight.Rewind();
    }

    /// <summary>The client is away: what was promised at most once is not kept for it.</summary>
    public void Pause()
    {
        _queue.DropQos0();
        _retained = null;
    }

    /// <returns>False if there is no room, even without what was promised at most once.</returns>
    public bool TryAdd(in Delivery delivery)
    {
        if (_queue.TryEnqueue(delivery)) return true;
        if (delivery.Qos != Qos.AtMostOnce)
        {
            int dropped = _queue.DropQos0();
            metrics.Dropped(DropReason.QueueFull, dropped);
            if (dropped > 0 && _queue.TryEnqueue(delivery)) return true;
        }
        metrics.Dropped(DropReason.QueueFull);
        return false;
    }

    /// <summary>They are in memory already, so their number is not bounded here.</summary>
    public void AddRetained(in Delivery delivery) => (_retained ??= new()).Enqueue(delivery);

    /// <summary>The next packet to send now; a message of QoS 1 or 2 is in flight from here on.</summary>
    /// <returns>False if nothing waits, or the client has as much unacknowledged as it takes [MQTT-3.3.4-9].</returns>
    public bool TryTake(long now, out Outgoing next)
    {
        next = default;
        if (_inFlight.HasToRepeat)
        {
            if (_inFlight.Outstanding >= _receiveMaximum || !_inFlight.TryRepeat(out var sent)) return false;
            next = new Outgoing(sent.PacketId, sent.Released ? null : sent.Delivery, Duplicate: true);
            return true;
        }
        while (TryPeek(out var delivery))
        {
            if (delivery.Message.IsExpired(now))
            {
                Dequeue();
                delivery.Message.Release();
                metrics.Dropped(DropReason.Expired);
                continue;
            }
            ushort packetId = 0;
            if (delivery.Qos != Qos.AtMostOnce)
            {
                if (_inFlight.Outstanding >= _receiveMaximum) return false;
                packetId = _inFlight.Add(delivery);
            }
            Dequeue();
            next = new Outgoing(packetId, delivery, delivery.Again);
            return true;
        }
        return false;
    }

    public AckResult Acknowledge(ushort packetId) => _inFlight.Acknowledge(packetId);

    public AckResult Receive(ushort packetId, bool refused) => _inFlight.Receive(packetId, refused);

    public AckResult Complete(ushort packetId) => _inFlight.Complete(packetId);

    public void Forget(ushort packetId) => _inFlight.Remove(packetId);

    /// <summary>Takes all of it out, for the gateway that the session passes to.</summary>
    public (SentMessage[] InFlight, Delivery[] Queued, ushort LastPacketId) TakeAll() => (_inFlight.TakeAll(), _queue.TakeAll(), _inFlight.LastId);

    /// <summary>Puts what another gateway had before what came here since.</summary>
    /// <param name="had">Numbers of messages that the session has had there.</param>
    public void Restore(IEnumerable<SentMessage> inFlight, IEnumerable<Delivery> queued, ushort lastPacketId, HashSet<long> had)
    {
        var since = _queue.TakeAll().Where(delivery => !had.Contains(delivery.Message.Number));
        _inFlight.Restore(inFlight, lastPacketId);
        foreach (var delivery in queued.Concat(since))
        {
            if (!_queue.TryEnqueue(delivery)) metrics.Dropped(DropReason.QueueFull);
        }
    }

    public void Clear()
    {
        _queue.Clear();
        _retained = null;
        _inFlight.Clear();
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
