using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>One message on its way to one subscriber. Each subscriber's queue holds a copy, so it is kept small.</summary>
internal readonly record struct Delivery
{
    /// <summary>A <see cref="StoredDelivery"/>, which knows its share, or the share alone.</summary>
    private readonly object? _storedOrShare;

    /// <param name="qos">The lower of the publisher's and the subscription's.</param>
    /// <param name="retain">As the subscriber is to see it.</param>
    /// <param name="identifiers">See <see cref="SubscriptionIdentifiers"/>.</param>
    /// <param name="share">The shared subscription that the subscriber was chosen for; null: another one.</param>
    public Delivery(Publication message, Qos qos, bool retain, byte[]? identifiers = null, string? share = null)
    {
        (Message, Qos, Retain, Identifiers) = (message, qos, retain, identifiers);
        _storedOrShare = share;
    }

    public Publication Message { get; }
    public Qos Qos { get; init; }
    public bool Retain { get; init; }
    public byte[]? Identifiers { get; init; }
    public string? Share => Stored?.Share ?? _storedOrShare as string;

    /// <summary>A persistent session is owed it; null with QoS 0, and for what is of its connection alone.</summary>
    public StoredDelivery? Stored
    {
        get => _storedOrShare as StoredDelivery;
        init => _storedOrShare = value;
    }

    /// <summary>The message as one subscription gets it.</summary>
    public static Delivery Of(Publication message, SubscriptionOptions options, byte[]? identifiers, string? share = null) => new(
        message, options.Qos < message.Qos ? options.Qos : message.Qos, message.Retain && options.RetainAsPublished, identifiers, share);

    /// <summary>It has reached the client, or will never.</summary>
    public void Finish()
    {
        Message.Release();
        Stored?.Finish();
    }
}

/// <summary>The next packet for a subscriber.</summary>
/// <param name="PacketId">0 with QoS 0.</param>
/// <param name="Publish">Null: it is the PUBREL of a message that the client has.</param>
/// <param name="Duplicate">It was sent before [MQTT-3.3.1-1].</param>
internal readonly record struct Outgoing(ushort PacketId, Delivery? Publish, bool Duplicate);

/// <summary>
/// What waits for a subscriber: first in, first out, bounded in messages and in bytes. A ring that holds no memory while empty.
/// </summary>
internal sealed class DeliveryQueue(int maxMessages, int maxBytes)
{
    private Delivery[] _ring = [];
    private int _head;

    /// <summary>Before this instant nothing that waits has expired.</summary>
    private long _expiresFrom = long.MaxValue;

    public int Count { get; private set; }
    public long Bytes { get; private set; }

    /// <returns>False if it is full; nothing is changed then.</returns>
    public bool TryEnqueue(in Delivery delivery)
    {
        // One message always fits, whatever its size: the packet limit has bounded it already.
        if (Count >= maxMessages || (Count > 0 && Bytes + delivery.Message.Payload.Length > maxBytes)) return false;
        if (Count == _ring.Length) Grow();
        _ring[(_head + Count++) & (_ring.Length - 1)] = delivery;
        if (delivery.Message.ExpiresAt is { } at && at < _expiresFrom) _expiresFrom = at;
        Bytes += delivery.Message.Payload.Length;
        return true;
    }

    public bool TryPeek(out Delivery delivery)
    {
        delivery = Count > 0 ? _ring[_head] : default;
        return Count > 0;
    }

    /// <summary>Looks at the first of them.</summary>
    public IEnumerable<Delivery> Peek(int count)
    {
        for (int i = 0; i < Math.Min(count, Count); i++) yield return _ring[(_head + i) & (_ring.Length - 1)];
    }

    public bool HasRetained(ReadOnlySpan<byte> topic)
    {
        for (int i = 0; i < Count; i++)
        {
            var message = _ring[(_head + i) & (_ring.Length - 1)].Message;
            if (message.Retain && topic.SequenceEqual(message.Topic)) return true;
        }
        return false;
    }

    public void Dequeue()
    {
        Bytes -= _ring[_head].Message.Payload.Length;
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        if (--Count == 0)
        {
            _head = 0;
            if (_ring.Length > 64) _ring = [];
        }
    }

    /// <summary>Drops what was promised at most once, to make room. Returns how many.</summary>
    public int DropQos0() => Drop(static delivery => delivery.Qos == Qos.AtMostOnce, static delivery => delivery.Message.Release());

    /// <summary>Drops what has expired, to make room. Looks for it only when there may be some.</summary>
    /// <returns>How many.</returns>
    public int DropExpired(long now, Action<Delivery> finish)
    {
        if (now < _expiresFrom) return 0;
        _expiresFrom = long.MaxValue;
        return Drop(
            delivery =>
            {
                if (delivery.Message.IsExpired(now)) return true;
                _expiresFrom = Math.Min(_expiresFrom, delivery.Message.ExpiresAt ?? long.MaxValue);
                return false;
            },
            finish);
    }

    /// <summary>Puts others in their places, of the same sizes.</summary>
    public void Replace(Func<Delivery, Delivery> with)
    {
        for (int i = 0; i < Count; i++)
        {
            ref var delivery = ref _ring[(_head + i) & (_ring.Length - 1)];
            delivery = with(delivery);
        }
    }

    /// <summary>Takes them out without giving their memory back: whoever takes them reads it.</summary>
    public Delivery[] RemoveAll()
    {
        Delivery[] all = [.. Enumerable.Range(0, Count).Select(i => _ring[(_head + i) & (_ring.Length - 1)])];
        (_ring, _head, Count, Bytes) = ([], 0, 0, 0);
        return all;
    }

    public void Clear()
    {
        while (TryPeek(out var delivery))
        {
            Dequeue();
            delivery.Finish();
        }
    }

    private int Drop(Predicate<Delivery> isToGo, Action<Delivery> finish)
    {
        int kept = 0, count = Count;
        for (int i = 0; i < count; i++)
        {
            var delivery = _ring[(_head + i) & (_ring.Length - 1)];
            if (isToGo(delivery))
            {
                Bytes -= delivery.Message.Payload.Length;
                finish(delivery);
                continue;
            }
            _ring[(_head + kept++) & (_ring.Length - 1)] = delivery;
        }
        for (int i = kept; i < count; i++) _ring[(_head + i) & (_ring.Length - 1)] = default;
        Count = kept;
        return count - kept;
    }

    private void Grow()
    {
        var larger = new Delivery[Math.Max(4, _ring.Length * 2)];
        for (int i = 0; i < Count; i++) larger[i] = _ring[(_head + i) & (_ring.Length - 1)];
        _ring = larger;
        _head = 0;
    }
}
