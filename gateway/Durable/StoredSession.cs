using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Durable;

/// <summary>A persistent session, as the journal knows it.</summary>
internal sealed class StoredSession(long id)
{
    public long Id => id;

    /// <summary>The number of its last delivery. Guarded by the session's lock.</summary>
    public long LastNumber { get; set; }

    /// <summary>Guarded by the journal's lock.</summary>
    public bool IsRemoved { get; set; }
}

/// <summary>A message's body in the store, for as long as somebody is owed it. Guarded by the journal's lock.</summary>
internal sealed class StoredMessage(long id)
{
    public long Id => id;

    /// <summary>Deliveries that need it.</summary>
    public int References { get; set; }

    /// <summary>It is in the store, or in the batch that is on its way there.</summary>
    public bool IsWritten { get; set; }
}

/// <summary>A message that a persistent session is owed. What is not fixed is guarded by the journal's lock.</summary>
internal sealed class StoredDelivery(StoredSession session, long number, Publication message, Qos qos, bool retain, ushort packetId, ReadOnlyMemory<byte> identifiers)
{
    public StoredSession Session => session;
    public Publication Message => message;
    public Qos Qos => qos;

    /// <summary>With QoS 2: the client knows it by this, however often it is sent.</summary>
    public ushort PacketId => packetId;

    public StoredDeliveryState State { get; set; }

    /// <summary>The journal's position at which it is durable.</summary>
    public long Position { get; set; } = long.MaxValue;

    /// <summary>The connection that wants to send it as soon as it is durable, when that was before it was noted.</summary>
    public ISessionOwner? Waiter { get; set; }

    public DeliveryKey Key => new(session.Id, number);

    public DeliveryRow ToRow() => new(session.Id, number, message.Stored!.Id, (byte)qos, retain, packetId, identifiers);
}

internal enum StoredDeliveryState
{
    /// <summary>The session has it; the journal not yet.</summary>
    New,

    /// <summary>In the journal. What is acknowledged now is never written.</summary>
    Noted,

    /// <summary>In the store, or in the batch that is on its way there.</summary>
    Written,

    /// <summary>As written, but of the message only the packet identifier is left: PUBREC has come.</summary>
    Released,

    /// <summary>The client has it.</summary>
    Settled,
}
