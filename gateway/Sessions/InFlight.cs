using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fleet.Gateway.Journal;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>A message that was sent and is not done with.</summary>
/// <param name="Delivery">Without a message once the client has it; what the store knows of it stays.</param>
/// <param name="Released">QoS 2: the client has it (PUBREC) and PUBCOMP is awaited.</param>
internal readonly record struct SentMessage(ushort PacketId, Delivery Delivery, bool Released = false);

/// <summary>What an acknowledgement found.</summary>
internal enum AckResult
{
    Accepted,

    /// <summary>Accepted; the answer goes out when that is durable.</summary>
    Later,

    /// <summary>Nothing with this identifier is in flight.</summary>
    Unknown,

    /// <summary>What is in flight with this identifier awaits another kind of acknowledgement (4.3).</summary>
    WrongKind,
}

/// <summary>
/// QoS 1 and 2 messages that were sent and are not done with, by packet identifier and in the order they were first sent: a list threaded
/// through one hash table, so that with 65,535 of them each step is as quick as with one, and none allocates. MQTT 5.0, 4.3 and 4.4.
/// </summary>
internal sealed class InFlight
{
    private const int KeptWhenEmpty = 64;

    private readonly Dictionary<ushort, Entry> _entries = [];

    /// <summary>QoS 2 messages whose PUBREC has come on the present connection, and whose PUBREL waits until that is durable.</summary>
    private Queue<ushort>? _releasing;
    private ushort _first, _last, _again;
    private int _toRepeat;

    public int Count => _entries.Count;

    /// <summary>Some of it was not sent on the present connection yet.</summary>
    public bool HasToRepeat => _toRepeat > 0;

    /// <summary>Some PUBRELs are yet to be sent.</summary>
    public bool HasToRelease => _releasing is not null;

    /// <summary>Sent on the present connection, and not done with.</summary>
    public int Outstanding => _entries.Count - _toRepeat;

    /// <summary>Some of it are retained messages that the store does not know as owed.</summary>
    public bool HasRetained => _entries.Values.Any(static entry => entry.Delivery is { Retain: true, Stored: null });

    public bool Contains(ushort packetId) => _entries.ContainsKey(packetId);

    /// <summary>The message is sent, with an identifier that is not in use.</summary>
    public void Add(in SentMessage message)
    {
        _entries.Add(message.PacketId, new Entry { Delivery = message.Delivery, Released = message.Released, Previous = _last });
        if (_last == 0) _first = message.PacketId;
        else Find(_last).Next = message.PacketId;
        _last = message.PacketId;
    }

    /// <summary>PUBACK: a QoS 1 message is done with.</summary>
    public AckResult PubAck(ushort packetId)
    {
        ref var entry = ref Find(packetId);
        if (Unsafe.IsNullRef(ref entry)) return AckResult.Unknown;
        if (entry.Released || entry.Delivery.Qos != Qos.AtLeastOnce) return AckResult.WrongKind;
        Remove(packetId);
        return AckResult.Accepted;
    }

    /// <summary>PUBREC: the client has a QoS 2 message, or will not have it.</summary>
    /// <param name="refused">With a code of 0x80 or above, which ends the delivery [MQTT-4.3.3-4].</param>
    public AckResult PubRec(ushort packetId, bool refused)
    {
        ref var entry = ref Find(packetId);
        if (Unsafe.IsNullRef(ref entry)) return AckResult.Unknown;
        if (entry.Released) return Release(packetId, entry.Delivery.Stored);
        if (entry.Delivery.Qos != Qos.ExactlyOnce) return AckResult.WrongKind;
        if (refused)
        {
            Remove(packetId);
            return AckResult.Accepted;
        }
        entry.Delivery.Message.Release();
        var stored = entry.Delivery.Stored;
        stored?.PubRec();
        entry.Delivery = default(Delivery) with { Stored = stored, Retain = entry.Delivery.Retain };
        entry.Released = true;
        return Release(packetId, stored);
    }

    /// <summary>PUBCOMP: a QoS 2 message is done with.</summary>
    public AckResult PubComp(ushort packetId)
    {
        ref var entry = ref Find(packetId);
        if (Unsafe.IsNullRef(ref entry)) return AckResult.Unknown;
        if (!entry.Released) return AckResult.WrongKind;
        Remove(packetId);
        return AckResult.Accepted;
    }

    public void Remove(ushort packetId)
    {
        if (!_entries.Remove(packetId, out var entry)) return;
        Finish(entry);
        if (entry.ToRepeat) _toRepeat--;
        if (_again == packetId) _again = entry.Next;
        if (entry.Previous == 0) _first = entry.Next;
        else Find(entry.Previous).Next = entry.Next;
        if (entry.Next == 0) _last = entry.Previous;
        else Find(entry.Next).Previous = entry.Previous;
        if (_entries.Count == 0 && _entries.Capacity > KeptWhenEmpty) _entries.TrimExcess();
    }

    /// <summary>The client has a new connection: all of it is to be sent again there [MQTT-4.4.0-1].</summary>
    public void Rewind()
    {
        for (ushort id = _first; id != 0;)
        {
            ref var entry = ref Find(id);
            entry.ToRepeat = true;
            id = entry.Next;
        }
        _again = _first;
        _toRepeat = _entries.Count;
        _releasing = null;
    }

    /// <summary>What the store knows of the next to be sent again.</summary>
    public StoredDelivery? NextToRepeat => HasToRepeat ? Find(_again).Delivery.Stored : null;

    /// <summary>
    /// The next PUBREL, as soon as its PUBREC is durable [MQTT-4.3.3-5]: after a kill, the client that has had it must not be sent PUBLISH.
    /// </summary>
    public bool TryRelease(ISessionConnection owner, out ushort packetId)
    {
        packetId = 0;
        while (_releasing is not null && _releasing.TryPeek(out packetId))
        {
            ref var entry = ref Find(packetId);
            var stored = !Unsafe.IsNullRef(ref entry) && entry.Released ? entry.Delivery.Stored : null;
            if (stored?.MayBeSent(owner) == false) return false;
            _releasing.Dequeue();
            if (_releasing.Count == 0) _releasing = null;
            if (stored is not null) return true;
        }
        return false;
    }

    /// <summary>The next of what is to be sent again, in the original order [MQTT-4.6.0-1].</summary>
    public bool TryRepeat(out SentMessage message)
    {
        message = default;
        if (!HasToRepeat) return false;
        ref var entry = ref Find(_again);
        message = new SentMessage(_again, entry.Delivery, entry.Released);
        entry.ToRepeat = false;
        _toRepeat--;
        _again = entry.Next;
        return true;
    }

    /// <summary>Puts back what was sent from elsewhere; it is to be sent again.</summary>
    public void Restore(IEnumerable<SentMessage> sent)
    {
        foreach (var message in sent)
        {
            Add(message);
            Find(message.PacketId).ToRepeat = true;
            if (_toRepeat++ == 0) _again = message.PacketId;
        }
    }

    /// <summary>Puts others in the places of what is in flight, in order.</summary>
    public void Replace(Func<SentMessage, Delivery> with)
    {
        for (ushort id = _first; id != 0;)
        {
            ref var entry = ref Find(id);
            entry.Delivery = with(new SentMessage(id, entry.Delivery, entry.Released));
            id = entry.Next;
        }
    }

    /// <summary>How many of them the store knows.</summary>
    public int CountStored() => _entries.Values.Count(entry => entry.Delivery.Stored is not null);

    /// <summary>All of them, in order.</summary>
    public SentMessage[] Copy()
    {
        var all = new SentMessage[_entries.Count];
        int at = 0;
        for (ushort id = _first; id != 0;)
        {
            ref var entry = ref Find(id);
            all[at++] = new SentMessage(id, entry.Delivery, entry.Released);
            id = entry.Next;
        }
        return all;
    }

    public void Clear()
    {
        foreach (var entry in _entries.Values) Finish(entry);
        _entries.Clear();
        _entries.TrimExcess();
        (_first, _last, _again, _toRepeat, _releasing) = (0, 0, 0, 0, null);
    }

    private AckResult Release(ushort packetId, StoredDelivery? stored)
    {
        if (stored is null) return AckResult.Accepted;
        (_releasing ??= new()).Enqueue(packetId);
        return AckResult.Later;
    }

    private static void Finish(in Entry entry)
    {
        if (entry.Released) entry.Delivery.Stored?.Finish();
        else entry.Delivery.Finish();
    }

    private ref Entry Find(ushort packetId) => ref CollectionsMarshal.GetValueRefOrNullRef(_entries, packetId);

    private struct Entry
    {
        public Delivery Delivery;
        public bool Released;

        /// <summary>Not sent on the present connection yet.</summary>
        public bool ToRepeat;

        /// <summary>Identifiers of its neighbours; 0: none.</summary>
        public ushort Previous, Next;
    }
}
