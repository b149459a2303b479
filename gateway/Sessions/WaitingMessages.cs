using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// What waits to be sent to one subscriber, beside the retained messages of new subscriptions. What expires is left out. Guarded by the
/// session's lock.
/// </summary>
internal sealed class WaitingMessages(SessionOptions options, PacketIdentifiers identifiers, GatewayClock clock, GatewayMetrics metrics)
{
    private const int IdentifiedAtOnce = 1_000;

    private readonly DeliveryQueue _queue = new(options.MaxQueuedMessages, options.MaxQueuedBytes);

    public bool IsEmpty => _queue.Count == 0;

    public int Count => _queue.Count;

    /// <summary>Enough waits already: answers to further requests had better wait with it.</summary>
    public bool IsBacklogged => _queue.Count >= 64 || _queue.Bytes >= options.MaxOutboundBytes;

    /// <summary>The queue, in order.</summary>
    public IEnumerable<Delivery> Queued => _queue.Peek(_queue.Count);

    /// <returns>False if there is no room, even without what has expired [MQTT-3.3.2-5] or was promised at most once.</returns>
    public bool TryAdd(in Delivery delivery)
    {
        delivery.Message.Hold();
        if (_queue.TryEnqueue(delivery)) return true;
        int expired = _queue.DropExpired(clock.NowMs, Finish);
        metrics.Dropped(DropReason.Expired, expired);
        if (expired > 0 && _queue.TryEnqueue(delivery)) return true;
        if (delivery.Qos != Qos.AtMostOnce)
        {
            int dropped = _queue.DropQos0();
            metrics.Dropped(DropReason.QueueFull, dropped);
            if (dropped > 0 && _queue.TryEnqueue(delivery)) return true;
        }
        identifiers.Release(delivery.Stored);
        metrics.Dropped(DropReason.QueueFull);
        delivery.Message.Release();
        return false;
    }

    /// <summary>Whether a message waits that its publisher wants to be retained for this topic.</summary>
    public bool HasRetained(ReadOnlySpan<byte> topic) => _queue.HasRetained(topic);

    /// <summary>The next that has not expired.</summary>
    public bool TryPeek(long now, out Delivery delivery)
    {
        while (_queue.TryPeek(out delivery))
        {
            if (!delivery.Message.IsExpired(now)) return true;
            _queue.Dequeue();
            Finish(delivery);
            metrics.Dropped(DropReason.Expired);
        }
        return false;
    }

    public void Dequeue() => _queue.Dequeue();

    /// <summary>Gives those that should have packet identifiers theirs, from the first.</summary>
    /// <returns>False if none is left for the first.</returns>
    public bool TryIdentifyFirst()
    {
        identifiers.Identify(_queue.Peek(IdentifiedAtOnce), isAll: _queue.Count <= IdentifiedAtOnce);
        return _queue.TryPeek(out var first) && first.Stored is { PacketId: not 0 };
    }

    /// <summary>The client is away: what was promised at most once is not kept for it.</summary>
    public void Pause() => _queue.DropQos0();

    /// <summary>Puts what waited at another gateway before what waits here.</summary>
    /// <param name="had">Numbers of messages that the session has had there.</param>
    public void Restore(IEnumerable<Delivery> queued, HashSet<MessageNumber> had)
    {
        var since = _queue.RemoveAll().Where(delivery => delivery.Message.Number is not { } number || !had.Contains(number));
        foreach (var delivery in queued.Concat(since))
        {
            if (!_queue.TryEnqueue(delivery)) metrics.Dropped(DropReason.QueueFull);
        }
    }

    /// <summary>Puts others in their places, of the same sizes.</summary>
    public void Replace(Func<Delivery, Delivery> with) => _queue.Replace(with);

    public void Clear() => _queue.Clear();

    private void Finish(Delivery delivery)
    {
        identifiers.Release(delivery.Stored);
        delivery.Finish();
    }
}
