namespace Fleet.Gateway.Durable;

/// <summary>
/// Keeps persistent sessions: what they subscribed to, what they are owed, and what QoS 2 needs to be exactly once. Each session has one owner, a
/// gateway in one of its lives; an owner that another has taken for dead is fenced, and writes nothing any more.
/// </summary>
public interface ISessionStore
{
    /// <summary>
    /// A gateway begins. What gateways of the same name left is its own from now on, and they are fenced: their process is gone. Where one process has
    /// the database for itself, it takes everything.
    /// </summary>
    /// <param name="gatewayId">New at each start.</param>
    /// <returns>Its number among all owners there ever were, from 1.</returns>
    Task<long> Begin(string gatewayId, string? name, CancellationToken cancellation);

    /// <summary>All that an owner has. Before its first write.</summary>
    Task<StoredSessions> Load(long owner, CancellationToken cancellation);

    /// <summary>Makes the changes durable, all or none. Repeating a batch whose outcome is unknown does no harm.</summary>
    /// <returns>False: the owner is fenced, and nothing was changed.</returns>
    Task<bool> Write(long owner, SessionBatch batch, CancellationToken cancellation);

    /// <summary>Takes the session of a client from a gateway that is dead, which is fenced by it. Its rows keep their numbers.</summary>
    /// <returns>At most one session: the last that the gateway had under this key; empty if it had none, or another was faster.</returns>
    Task<StoredSessions> Adopt(long owner, string deadGatewayId, string key, CancellationToken cancellation);
}

/// <summary>What is read: sessions and all that belongs to them.</summary>
public sealed record StoredSessions
{
    public IReadOnlyList<SessionRow> Sessions { get; init; } = [];
    public IReadOnlyList<SubscriptionRow> Subscriptions { get; init; } = [];
    public IReadOnlyList<MessageRow> Messages { get; init; } = [];

    /// <summary>By session, in the order they were published.</summary>
    public IReadOnlyList<DeliveryRow> Deliveries { get; init; } = [];
    public IReadOnlyList<ReceivedRow> Received { get; init; } = [];
}

/// <summary>Changes that belong together. Made in the order of these lists.</summary>
public sealed class SessionBatch
{
    /// <summary>Sessions that are gone, with all that belongs to them but the bodies of messages.</summary>
    public List<long> RemovedSessions { get; } = [];
    public List<SessionRow> Sessions { get; } = [];
    public List<(long Session, string Filter)> RemovedSubscriptions { get; } = [];
    public List<SubscriptionRow> Subscriptions { get; } = [];
    public List<DeliveryKey> RemovedDeliveries { get; } = [];

    /// <summary>QoS 2 deliveries whose PUBREC has come: what is left of them is the packet identifier.</summary>
    public List<DeliveryKey> ReleasedDeliveries { get; } = [];
    public List<long> RemovedMessages { get; } = [];
    public List<MessageRow> Messages { get; } = [];
    public List<DeliveryRow> Deliveries { get; } = [];
    public List<ReceivedRow> RemovedReceived { get; } = [];
    public List<ReceivedRow> Received { get; } = [];

    public int Count => RemovedSessions.Count + Sessions.Count + RemovedSubscriptions.Count + Subscriptions.Count + RemovedDeliveries.Count
        + ReleasedDeliveries.Count + RemovedMessages.Count + Messages.Count + Deliveries.Count + RemovedReceived.Count + Received.Count;
}
