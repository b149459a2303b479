using Fleet.Gateway.Journal;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// The packet identifiers of one session's messages to its client, in turn. A message that the store owes has its own from when it is
/// queued: it goes to the store with the message, so the message is sent with no other, whatever happens [MQTT-4.4.0-1]. Guarded by the
/// session's lock.
/// </summary>
internal sealed class PacketIdentifiers(InFlight inFlight)
{
    /// <summary>So many are left to what cannot wait for one.</summary>
    private const int NeverReserved = 1_024;

    /// <summary>Room for so many is not given back.</summary>
    private const int RoomKept = 64;

    /// <summary>Of messages that wait to be sent.</summary>
    private HashSet<ushort>? _reserved;

    /// <summary>Messages of the store may wait without one.</summary>
    private bool _someWaitWithout;

    /// <summary>The one that was used last.</summary>
    public ushort Last { get; set; }

    /// <returns>One that is not in use [MQTT-2.2.1-4].</returns>
    public ushort Next()
    {
        do Last = Last == ushort.MaxValue ? (ushort)1 : (ushort)(Last + 1);
        while (inFlight.Contains(Last) || _reserved?.Contains(Last) == true);
        return Last;
    }

    /// <summary>For a message of the store that is about to be queued.</summary>
    /// <returns>0 if more than 64,000 wait: the message gets one when it is nearly its turn.</returns>
    public ushort Reserve()
    {
        // Messages without one keep their place: no new one gets one before they have theirs.
        ushort id = _someWaitWithout ? (ushort)0 : ReserveNext();
        _someWaitWithout = id == 0;
        return id;
    }

    /// <summary>A message of the store waits with the identifier that it has, or without one.</summary>
    public void Restore(StoredDelivery delivery)
    {
        if (delivery.PacketId == 0) _someWaitWithout = true;
        else (_reserved ??= []).Add(delivery.PacketId);
    }

    /// <summary>Gives a message of the store one; it is sent when that is durable.</summary>
    /// <returns>False if none is left.</returns>
    public bool TryIdentify(StoredDelivery delivery)
    {
        if (delivery.PacketId != 0) return true;
        if (ReserveNext() is not 0 and var id) delivery.Identify(id);
        return delivery.PacketId != 0;
    }

    /// <summary>Gives those that wait without theirs, many at once: that costs the store one write, and them one wait.</summary>
    /// <param name="next">The first of all that wait.</param>
    /// <param name="isAll">No more wait than these.</param>
    public void Identify(IEnumerable<Delivery> next, bool isAll)
    {
        foreach (var delivery in next)
        {
            if (delivery.Stored is { } stored && !TryIdentify(stored)) return;
        }
        _someWaitWithout = !isAll;
    }

    /// <summary>The message is sent now.</summary>
    /// <returns>Its own identifier, or the next.</returns>
    public ushort Use(in Delivery delivery)
    {
        if (delivery.Stored is not { PacketId: not 0 and var own } stored) return Next();
        Release(stored);
        return own;
    }

    /// <summary>The message does not wait any more.</summary>
    public void Release(StoredDelivery? delivery)
    {
        if (delivery is null || _reserved?.Remove(delivery.PacketId) != true) return;
        if (_reserved.Count == 0 && _reserved.Capacity > RoomKept) _reserved = null;
    }

    public void Clear() => (_reserved, _someWaitWithout) = (null, false);

    private ushort ReserveNext()
    {
        if (inFlight.Count + (_reserved?.Count ?? 0) >= ushort.MaxValue - NeverReserved) return 0;
        ushort id = Next();
        (_reserved ??= []).Add(id);
        return id;
    }
}
