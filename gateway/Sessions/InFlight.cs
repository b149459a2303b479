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

    /// <summary>So many identifiers are left to what cannot wait for one.</summary>
    private const int NeverReserved = 1_024;

    private readonly Dictionary<ushort, Entry> _entries = [];
    private HashSet<ushort>? _reserved;
    private ushort _first, _last, _again;
    private int _toRepeat;

    public int Count => _entries.Count;

    /// <summary>Some of it was not sent on the present connection yet.</summary>
    public bool HasToRepeat => _toRepeat > 0;

    /// <summary>Sent on the present connection, and not done with.</summary>
    public int Outstanding => _entries.Count - _toRepeat;

    /// <summary>The packet identifier that was used last.</summary>
    public ushort LastId { get; private set; }

    /// <summary>
    /// Sets a packet identifier aside for a message that a persistent session is owed with QoS 2: it goes to the store with the message, so
    /// that the message is sent with no other, whatever happens.
    /// </summary>
    /// <returns>0 if so many are set aside that none can be.</returns>
    public ushort Reserve()
    {
        if (_entries.Count + (_reserved?.Count ?? 0) >= ushort.MaxValue - NeverReserved) return 0;
        ushort id = NextId();
        (_reserved ??= []).Add(id);
        return id;
    }

    /// <summary>The message goes without having been sent, or was sent elsewhere.</summary>
    public void Unreserve(in Delivery delivery)
    {
        if (delivery.Stored is not { PacketId: not 0 and var id } || _reserved?.Remove(id) != true) return;
        if (_reserved.Count == 0) _reserved = null;
    }

    /// <summary>Notes identifiers that messages of the store have already.</summary>
    public void Reserve(ushort packetId) => (_reserved ??= []).Add(packetId);

    /// <returns>A packet identifier that is not in use [MQTT-2.2.1-4].</returns>
    public ushort Add(in Delivery delivery)
    {
        Unreserve(delivery);
        ushort id = delivery.Stored is { PacketId: not 0 and var own } ? own : NextId();
        Append(new SentMessage(id, delivery));
        return id;
    }

    public ushort NextId()
    {
        do LastId = LastId == ushort.MaxValue ? (ushort)1 : (ushort)(LastId + 1);
        while (_entries.ContainsKey(LastId) || _reserved?.Contains(LastId) == true);
        return LastId;
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
        if (entry.Released) return entry.Delivery.Stored is null ? AckResult.Accepted : AckResult.Later;
        if (entry.Delivery.Qos != Qos.ExactlyOnce) return AckResult.WrongKind;
        if (refused)
        {
            Remove(packetId);
            return AckResult.Accepted;
        }
        entry.Delivery.Message.Release();
        var stored = entry.Delivery.Stored;
        stored?.PubRec();
        entry.Delivery = default(Delivery) with { Stored = stored };
        entry.Released = true;
        return stored is null ? AckResult.Accepted : AckResult.Later;
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
    }

    /// <summary>What the store knows of the next to be sent again.</summary>
    public StoredDelivery? NextToRepeat => HasToRepeat ? Find(_again).Delivery.Stored : null;

    /// <summary>What is left of a QoS 2 message whose PUBREC has come; null if there is none.</summary>
    public StoredDelivery? FindReleased(ushort packetId)
    {
        ref var entry = ref Find(packetId);
        return !Unsafe.IsNullRef(ref entry) && entry.Released ? entry.Delivery.Stored : null;
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
    public void Restore(IEnumerable<SentMessage> sent, ushort lastId)
    {
        foreach (var message in sent)
        {
            Append(message);
            Find(message.PacketId).ToRepeat = true;
            if (_toRepeat++ == 0) _again = message.PacketId;
        }
        LastId = lastId;
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
        (_first, _last, _again, _toRepeat, _reserved) = (0, 0, 0, 0, null);
    }

    private static void Finish(in Entry entry)
    {
        if (entry.Released) entry.Delivery.Stored?.Finish();
        else entry.Delivery.Finish();
    }

    private void Append(in SentMessage message)
    {
        _entries.Add(message.PacketId, new Entry { Delivery = message.Delivery, Released = message.Released, Previous = _last });
        if (_last == 0) _first = message.PacketId;
        else Find(_last).Next = message.PacketId;
        _last = message.PacketId;
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
