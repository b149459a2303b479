using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Journal;

/// <summary>The changes to sessions that go to the store together.</summary>
internal sealed class JournalPage : CommitPage
{
    /// <summary>What a delivery costs of memory beside its message, about.</summary>
    private const int DeliveryBytes = 128;

    /// <summary>In the order they were noted; those that are finished by now are passed over.</summary>
    private readonly List<StoredDelivery> _deliveries = [];
    private readonly List<DeliveryKey> _removedDeliveries = [], _releasedDeliveries = [];
    private readonly List<StoredDelivery> _identifiedDeliveries = [];
    private readonly List<long> _removedMessages = [];
    private readonly List<StoredSession> _removedSessions = [];

    /// <summary>Deliveries that were on their way to a present client when they were noted.</summary>
    public int Quick { get; private set; }

    /// <summary>Those of them that the client has acknowledged: they need not be written.</summary>
    public int QuickFinished { get; private set; }

    /// <summary>Completes when all of them are.</summary>
    public TaskCompletionSource? AllFinished { get; set; }

    // The last word on each.
    public Dictionary<StoredSession, SessionRow> Sessions { get; } = [];
    public Dictionary<(StoredSession Session, string Filter), SubscriptionRow?> Subscriptions { get; } = [];
    public Dictionary<(StoredSession Session, ushort PacketId), bool> Received { get; } = [];

    /// <summary>The last word of each other gateway of which something is on this page, or on one before.</summary>
    public Dictionary<string, long> Marks { get; } = new(StringComparer.Ordinal);

    /// <summary>Of its sessions, when it was cut; null: the gateway had not begun, and writes nothing.</summary>
    public OwnerNumber? Owner { get; private set; }

    /// <summary>What is to be written, once it is cut.</summary>
    public SessionBatch Batch { get; } = new();

    /// <summary>A message that sessions have taken.</summary>
    /// <param name="lastId">The last number that was given to anything stored.</param>
    public void Note(Publication message, List<StoredDelivery> deliveries, ref long lastId)
    {
        foreach (var delivery in deliveries)
        {
            // The client may have been faster, or the session gone.
            if (delivery.State != StoredDeliveryState.New || delivery.Session.IsRemoved) continue;
            if (StoredMessage.Of(message) is not { } stored)
            {
                message.InJournal = stored = new StoredMessage(++lastId);
                Bytes += message.Payload.Length + message.Topic.Length;
            }
            stored.References++;
            Add(delivery);
        }
        // Those that were finished already are as durable as they ever will be.
        foreach (var delivery in deliveries)
        {
            delivery.Position = new(Number);
            if (delivery.Waiter is { } waiter) Add(waiter);
            delivery.Waiter = null;
        }
    }

    /// <summary>A QoS 2 message of which a session that comes from elsewhere has only the packet identifier left.</summary>
    public void NoteReleased(StoredDelivery delivery)
    {
        Add(delivery);
        delivery.Position = new(Number);
    }

    /// <summary>The client has it, or will never.</summary>
    /// <returns>Whether something is to be written for it.</returns>
    public bool Finish(StoredDelivery delivery)
    {
        var before = delivery.State;
        delivery.State = StoredDeliveryState.Finished;
        bool noted = before is StoredDeliveryState.Noted or StoredDeliveryState.Written && Dereference(delivery.Message);
        // A session that is removed takes its rows along.
        if (delivery.Session.IsRemoved) return noted;
        if (before == StoredDeliveryState.Noted && delivery.IsQuick && ++QuickFinished == Quick) AllFinished?.TrySetResult();
        if (before is not (StoredDeliveryState.Written or StoredDeliveryState.Released)) return noted;
        _removedDeliveries.Add(delivery.Key);
        return true;
    }

    /// <summary>A message that had no packet identifier when it was noted has one now.</summary>
    /// <returns>False: it is written with it.</returns>
    public bool Identify(StoredDelivery delivery)
    {
        if (delivery.State != StoredDeliveryState.Written) return false;
        _identifiedDeliveries.Add(delivery);
        delivery.Position = new(Number);
        return true;
    }

    /// <summary>PUBREC has come: the message is not needed any more, its packet identifier is.</summary>
    /// <returns>False if it is not in the store; it was durable before it was sent, so it is there no more.</returns>
    public bool PubRec(StoredDelivery delivery)
    {
        if (delivery.State != StoredDeliveryState.Written) return false;
        _releasedDeliveries.Add(delivery.Key);
        delivery.State = StoredDeliveryState.Released;
        Dereference(delivery.Message);
        delivery.Position = new(Number);
        return true;
    }

    public bool Remove(StoredSession session)
    {
        if (session.IsRemoved) return false;
        session.IsRemoved = true;
        _removedSessions.Add(session);
        return true;
    }

    /// <summary>Fills <see cref="Batch"/>. From here on its deliveries count as written.</summary>
    public void Cut(OwnerNumber? owner, Func<Publication, MessageRow> rowOf)
    {
        Owner = owner;
        var batch = Batch;
        foreach (var session in _removedSessions) batch.RemovedSessions.Add(session.Id);
        foreach (var (session, row) in Sessions)
        {
            if (!session.IsRemoved) batch.Sessions.Add(row);
        }
        foreach (var ((session, filter), row) in Subscriptions)
        {
            if (session.IsRemoved) continue;
            if (row is { } set) batch.Subscriptions.Add(set);
            else batch.RemovedSubscriptions.Add((session.Id, filter));
        }
        foreach (var ((session, packetId), received) in Received)
        {
            if (!session.IsRemoved) (received ? batch.Received : batch.RemovedReceived).Add(new ReceivedRow(session.Id, packetId));
        }
        foreach (var delivery in _deliveries)
        {
            // What a removed session was owed went with it; a row that came later nobody would take away.
            if (delivery.State != StoredDeliveryState.Noted || delivery.Session.IsRemoved) continue;
            delivery.State = delivery.Message is null ? StoredDeliveryState.Released : StoredDeliveryState.Written;
            if (delivery.Message is { } message && StoredMessage.Of(message) is { IsWritten: false } body)
            {
                batch.Messages.Add(rowOf(message));
                body.IsWritten = true;
            }
            batch.Deliveries.Add(delivery.ToRow());
        }
        batch.RemovedDeliveries.AddRange(_removedDeliveries);
        batch.ReleasedDeliveries.AddRange(_releasedDeliveries);
        batch.IdentifiedDeliveries.AddRange(_identifiedDeliveries.Select(delivery => (delivery.Key, delivery.PacketId)));
        batch.RemovedMessages.AddRange(_removedMessages);
        foreach (var (sender, number) in Marks) batch.Marks.Add(new LinkMark(sender, number));
    }

    private void Add(StoredDelivery delivery)
    {
        delivery.State = StoredDeliveryState.Noted;
        _deliveries.Add(delivery);
        if (delivery.IsQuick) Quick++;
        Bytes += DeliveryBytes;
    }

    /// <returns>Whether the message is to be taken out of the store.</returns>
    private bool Dereference(Publication? message)
    {
        if (message is null || StoredMessage.Of(message) is not { } stored || --stored.References > 0) return false;
        if (stored.IsWritten) _removedMessages.Add(stored.Id);
        // Should it be delivered once more, it is another message to the store.
        message.InJournal = null;
        return stored.IsWritten;
    }
}
