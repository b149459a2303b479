using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.Gateway.Journal;

/// <summary>A persistent session, as the journal knows it: what happens to it is told to the store through this.</summary>
internal sealed class StoredSession(SessionJournal journal, long id)
{
    /// <summary>The number of its last delivery. Guarded by the session's lock.</summary>
    private long _lastNumber;

    public SessionJournal Journal => journal;

    public long Id => id;

    /// <summary>Guarded by the journal's lock.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>Where the session's row is durable.</summary>
    public JournalPosition Put(SessionRow row) => journal.Put(this, row);

    /// <param name="options">The options byte of SUBSCRIBE.</param>
    /// <param name="identifier">0: none.</param>
    /// <param name="owesRetained">Some of the retained messages that it asked for are yet to come.</param>
    public JournalPosition Subscribed(string filter, byte options, uint identifier, bool owesRetained) =>
        journal.Put(this, filter, new SubscriptionRow(id, filter, options, identifier, owesRetained));

    public JournalPosition Unsubscribed(string filter) => journal.Put(this, filter, null);

    /// <summary>It takes a message with QoS 1 or 2, which is to be noted.</summary>
    /// <param name="message">Null: a QoS 2 message that the client has, and PUBCOMP has not come.</param>
    /// <param name="packetId">0: it has none yet.</param>
    public StoredDelivery Owe(
        Publication? message, Qos qos, bool retain, ushort packetId, byte[]? identifiers, string? share = null, bool isQuick = false)
    {
        message?.Keep();
        return new StoredDelivery(this, ++_lastNumber, message, qos, retain, packetId, identifiers, share) { IsQuick = isQuick };
    }

    /// <summary>Takes a delivery of the store; in the order of their numbers.</summary>
    public StoredDelivery Restore(in DeliveryRow row, Publication? message)
    {
        _lastNumber = row.Number;
        byte[]? identifiers = row.Identifiers.IsEmpty ? null : row.Identifiers.ToArray();
        var delivery = new StoredDelivery(this, row.Number, message, (Qos)row.Qos, row.Retain, row.PacketId, identifiers, row.Share);
        journal.Restore(delivery, row.Message);
        return delivery;
    }

    /// <summary>A QoS 2 message of the client's was routed, and is not released.</summary>
    public JournalPosition Hold(ushort packetId) => journal.Hold(this, packetId);

    /// <summary>PUBREL has come.</summary>
    public JournalPosition PubRel(ushort packetId) => journal.PubRel(this, packetId);

    /// <summary>It is over, or another gateway's.</summary>
    public void Remove() => journal.Remove(this);
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
/// <param name="packetId">0: it has none yet.</param>
internal sealed class StoredDelivery(
    StoredSession session, long number, Publication? message, Qos qos, bool retain, ushort packetId, byte[]? identifiers,
    string? share = null)
{
    /// <summary>Otherwise at once: with QoS 1, a message that comes once more is none too many.</summary>
    private bool _isSentWhenDurable = qos == Qos.ExactlyOnce;

    public StoredSession Session => session;
    public Publication? Message => message;
    public Qos Qos { get; } = qos;

    /// <summary>The shared subscription that its session was chosen for; null: another one.</summary>
    public string? Share => share;

    /// <summary>
    /// The client knows it by this, however often it is sent [MQTT-4.4.0-1]; so it goes to the store with the message. 0 while so many wait
    /// that all identifiers are given away.
    /// </summary>
    public ushort PacketId { get; private set; } = packetId;

    /// <summary>It goes out at once to a client that is there, and will perhaps be acknowledged before it is written.</summary>
    public bool IsQuick { get; init; }

    public StoredDeliveryState State { get; set; }

    /// <summary>Where it is durable as it is.</summary>
    public JournalPosition Position { get; set; } = JournalPosition.NotNoted;

    /// <summary>The connection that wants to send it as soon as it is durable, when that was before it was noted.</summary>
    public IJournalWaiter? Waiter { get; set; }

    public DeliveryKey Key => new(session.Id, number);

    public DeliveryRow ToRow() => new(
        session.Id, number, message is null ? 0 : StoredMessage.Of(message)!.Id, (byte)Qos, retain, PacketId, identifiers,
        share);

    /// <summary>It is sent with this identifier, once that is durable.</summary>
    public void Identify(ushort packetId)
    {
        PacketId = packetId;
        _isSentWhenDurable = true;
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
    public bool MayBeSent(IJournalWaiter waiter) => !_isSentWhenDurable || session.Journal.IsDurable(this, waiter);
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
