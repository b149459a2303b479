using Fleet.Interfaces;

namespace Fleet.Gateway.Journal;

/// <summary>
/// Keeps persistent sessions: what they subscribed to, what they are owed, and what QoS 2 needs to be exactly once. Each session has one
/// owner, a gateway in one of its lives; an owner that another has taken for dead is fenced, and writes nothing any more.
/// </summary>
public interface ISessionStore
{
    /// <summary>
    /// A gateway begins. What gateways of the same name left is its own from now on, and they are fenced: their process is gone. Where one
    /// process has the database for itself, it takes everything.
    /// </summary>
    /// <param name="gatewayId">New at each start.</param>
    Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation);

    /// <summary>All that an owner has. Before its first write.</summary>
    Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation);

    /// <summary>Makes the changes durable, all or none. Repeating a batch whose outcome is unknown does no harm.</summary>
    /// <returns>False: the owner is fenced, and nothing was changed.</returns>
    Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation);

    /// <summary>
    /// Makes an owner the successor of a dead gateway, which is fenced by it, unless another is that already. May be repeated: until
    /// <see cref="TakeOver"/> the sessions stay where they were. Of two sessions of one client the older goes.
    /// </summary>
    /// <returns>Null: the owner that asks is fenced itself.</returns>
    Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation);

    /// <summary>
    /// The sessions are the successor's own. Each stands as left by the dead gateway, or by the one that it was left by before, until the
    /// fail-over of that one is complete.
    /// </summary>
    /// <returns>False: the successor is fenced itself, and nothing was changed.</returns>
    Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation);

    /// <summary>
    /// All that was on its way to a dead gateway is with its successor: what is known of the dead one is not needed any more.
    /// </summary>
    Task CompleteFailover(string deadGatewayId, CancellationToken cancellation);

    /// <summary>The owner's sessions that are not right: another owner has a newer one of the same client.</summary>
    Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation);

    /// <summary>The gateway that has the session of a client, alive or not; null if there is no session.</summary>
    Task<string?> FindGateway(string key, CancellationToken cancellation);
}

/// <param name="Predecessors">Ids of the gateways whose successor it is.</param>
public sealed record OwningGateway(OwnerNumber Number, IReadOnlyList<string> Predecessors);

/// <param name="Epoch">Of the newer one.</param>
public readonly record struct SupersededSession(string Key, SessionEpoch Epoch);

/// <summary>What a dead gateway leaves.</summary>
public sealed record Inheritance
{
    /// <summary>Id of the gateway that has it, or will have it; null: the one that asked.</summary>
    public string? Successor { get; init; }

    /// <summary>Ids of the gateways that were its successors before the one that asked, in order. Each has died since.</summary>
    public IReadOnlyList<string> Through { get; init; } = [];
    public StoredSessions Sessions { get; init; } = new();

    /// <summary>How far it had stored what the others sent it.</summary>
    public IReadOnlyList<LinkMark> Marks { get; init; } = [];
}

/// <summary>All that a gateway has sent to another up to here is stored there, as far as persistent sessions are owed it.</summary>
/// <param name="Sender">Its id.</param>
/// <param name="Number">Of a frame on the link between the two.</param>
public readonly record struct LinkMark(string Sender, long Number);

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

    /// <summary>Deliveries that had no packet identifier before.</summary>
    public List<(DeliveryKey Delivery, ushort PacketId)> IdentifiedDeliveries { get; } = [];
    public List<long> RemovedMessages { get; } = [];
    public List<MessageRow> Messages { get; } = [];
    public List<DeliveryRow> Deliveries { get; } = [];
    public List<ReceivedRow> RemovedReceived { get; } = [];
    public List<ReceivedRow> Received { get; } = [];
    public List<LinkMark> Marks { get; } = [];

    public int Count => RemovedSessions.Count + Sessions.Count + RemovedSubscriptions.Count + Subscriptions.Count + RemovedDeliveries.Count
        + ReleasedDeliveries.Count + IdentifiedDeliveries.Count + RemovedMessages.Count + Messages.Count + Deliveries.Count
        + RemovedReceived.Count + Received.Count + Marks.Count;
}
