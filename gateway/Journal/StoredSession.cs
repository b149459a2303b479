using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.Gateway.Journal;

/// <summary>Waits for the journal: a connection.</summary>
internal interface IJournalWaiter
{
    /// <summary>What it waits for is durable, or refused. Must not wait; any thread may call it.</summary>
    void Wake();
}

/// <summary>A persistent session, as the journal knows it.</summary>
internal sealed class StoredSession(SessionJournal journal, long id)
{
    public SessionJournal Journal => journal;

    public long Id => id;

    /// <summary>The number of its last delivery. Guarded by the session's lock.</summary>
    public long LastNumber { get; set; }

    /// <summary>Guarded by the journal's lock.</summary>
    public bool IsRemoved { get; set; }
}

/// <summary>A message's body in the store, for as long as somebody is owed it. Guarded by the journal's lock.</summary>
internal sealed class StoredMessage(long id)
{
    public static StoredMessage? Of(Publication message) => (StoredMessage?)message.InJournal;

    public long Id => id;

    /// <summary>Deliveries that need it.</summary>
    public int References { get; set; }

    /// <summary>It is in the store, or in the batch that is on its way there.</summary>
    public bool IsWritten { get; set; }
}

/// <summary>A message that a persistent session is owed. What is not fixed is guarded by the journal's lock.</summary>
/// <param name="message">Null: a QoS 2 message that the client has, and PUBCOMP has not come.</param>
/// <param name="packetId">With QoS 2; 0: it has none yet.</param>
internal sealed class StoredDelivery(
    StoredSession session, long number, Publication? message, Qos qos, bool retain, ushort packetId, byte[]? identifiers)
{
    public StoredSession Session => session;
    public Publication? Message => message;
    public Qos Qos => qos;

    /// <summary>
    /// With QoS 2: the client knows it by this, however often it is sent. 0 with QoS 1, and while so many wait that all identifiers are
    /// given away.
    /// </summary>
    public ushort PacketId { get; private set; } = packetId;

    public bool NeedsPacketId => qos == Qos.ExactlyOnce && PacketId == 0;

    /// <summary>It goes out at once to a client that is there, and will perhaps be acknowledged before it is written.</summary>
    public bool IsQuick { get; init; }

    public StoredDeliveryState State { get; set; }

    /// <summary>The journal's position at which it is durable as it is.</summary>
    public long Position { get; set; } = long.MaxValue;

    /// <summary>The connection that wants to send it as soon as it is durable, when that was before it was noted.</summary>
    public IJournalWaiter? Waiter { get; set; }

    public DeliveryKey Key => new(session.Id, number);

    public DeliveryRow ToRow() => new(
        session.Id, number, message is null ? 0 : StoredMessage.Of(message)!.Id, (byte)qos, retain, PacketId, identifiers);

    /// <summary>It is sent with this identifier, once that is durable.</summary>
    public void Identify(ushort packetId)
    {
        PacketId = packetId;
        session.Journal.Identified(this);
    }

    /// <summary>The client has it, or will never.</summary>
    public void Finish() => session.Journal.Finish(this);

    /// <summary>PUBREC has come: only its packet identifier is needed any more.</summary>
    public void PubRec() => session.Journal.PubRec(this);

    /// <summary>
    /// What the client is sent with QoS 2 is durable first: a message that only this process knows would be another one after a kill. If it
    /// is not, the connection is woken when it is.
    /// </summary>
    public bool MayBeSent(IJournalWaiter waiter) => qos != Qos.ExactlyOnce || session.Journal.IsDurable(this, waiter);
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
    Finished,
}
