using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Durable;

/// <summary>The changes that go to the store together, and who waits for that. Guarded by the journal's lock until it is cut.</summary>
internal sealed class JournalPage(long number)
{
    private readonly HashSet<ISessionOwner> _waiters = [];

    /// <summary>The position of all changes on it.</summary>
    public long Number => number;

    /// <summary>About what the messages on it hold of memory.</summary>
    public long Bytes { get; set; }

    /// <summary>Something was noted, even if nothing of it is left to write.</summary>
    public bool IsUsed { get; set; }

    /// <summary>When something was noted first, on the monotonic clock.</summary>
    public long BegunAt { get; set; }

    /// <summary>Deliveries that were on their way to a present client when they were noted.</summary>
    public int Quick { get; set; }

    /// <summary>Those of them that the client has acknowledged: they need not be written.</summary>
    public int QuickSettled { get; set; }

    /// <summary>Completes when all of them are.</summary>
    public TaskCompletionSource? AllSettled { get; set; }

    /// <summary>In the order they were noted; those that are settled by now are passed over.</summary>
    public List<StoredDelivery> Deliveries { get; } = [];
    public List<DeliveryKey> RemovedDeliveries { get; } = [];
    public List<DeliveryKey> ReleasedDeliveries { get; } = [];
    public List<StoredDelivery> IdentifiedDeliveries { get; } = [];
    public List<long> RemovedMessages { get; } = [];
    public List<StoredSession> RemovedSessions { get; } = [];

    // The last word on each.
    public Dictionary<StoredSession, SessionRow> Sessions { get; } = [];
    public Dictionary<(StoredSession Session, string Filter), SubscriptionRow?> Subscriptions { get; } = [];
    public Dictionary<(StoredSession Session, ushort PacketId), bool> Received { get; } = [];

    /// <summary>The last word of each other gateway of which something is on this page, or on one before.</summary>
    public Dictionary<string, long> Marks { get; } = new(StringComparer.Ordinal);

    /// <summary>Completes with true when the page is durable, with false when it could not be written so far.</summary>
    public TaskCompletionSource<bool>? Outcome { get; set; }

    public void Add(ISessionOwner waiter) => _waiters.Add(waiter);

    public ISessionOwner[] TakeWaiters()
    {
        ISessionOwner[] waiters = [.. _waiters];
        _waiters.Clear();
        return waiters;
    }

    /// <summary>What is to be written. From here on its deliveries count as written.</summary>
    public SessionBatch Cut(Func<Publication, MessageRow> rowOf)
    {
        var batch = new SessionBatch();
        foreach (var session in RemovedSessions) batch.RemovedSessions.Add(session.Id);
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
        foreach (var delivery in Deliveries)
        {
            // What a removed session was owed went with it; a row that came later nobody would take away.
            if (delivery.State != StoredDeliveryState.Noted || delivery.Session.IsRemoved) continue;
            delivery.State = delivery.Message is null ? StoredDeliveryState.Released : StoredDeliveryState.Written;
            if (delivery.Message is { Stored: { IsWritten: false } body } message)
            {
                batch.Messages.Add(rowOf(message));
                body.IsWritten = true;
            }
            batch.Deliveries.Add(delivery.ToRow());
        }
        batch.RemovedDeliveries.AddRange(RemovedDeliveries);
        batch.ReleasedDeliveries.AddRange(ReleasedDeliveries);
        batch.IdentifiedDeliveries.AddRange(IdentifiedDeliveries.Select(delivery => (delivery.Key, delivery.PacketId)));
        batch.RemovedMessages.AddRange(RemovedMessages);
        foreach (var (sender, number) in Marks) batch.Marks.Add(new LinkMark(sender, number));
        return batch;
    }
}
