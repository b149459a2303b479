namespace Fleet.Interfaces.Messaging;

/// <summary>What became of a session that its client takes to another gateway.</summary>
[GenerateSerializer, Immutable, Alias("fleet.take-over-result")]
public abstract record TakeOverResult
{
    private TakeOverResult() { }

    /// <summary>Its connection is over; its messages are to be collected.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.take-over-result.moved")]
    public sealed record Moved([property: Id(0)] MovedSession Session) : TakeOverResult;

    /// <summary>The gateway has no session that could move, and will take none that was to come to it for an older connection.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.take-over-result.nothing")]
    public sealed record Nothing : TakeOverResult;

    /// <summary>The gateway is dead, or does not answer.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.take-over-result.lost")]
    public sealed record Lost : TakeOverResult;
}

/// <summary>
/// A session on its way between gateways: first its subscriptions, so that none of its messages is missed, then the messages.
/// </summary>
/// <param name="Epoch">With which it was taken over, and is collected: nobody gets it with another.</param>
/// <param name="SessionEpoch">
/// Of the lease that its last connection had: of two copies of a session the one with the higher is right.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.moved-session")]
public sealed record MovedSession(
    [property: Id(0)] string FromGateway,
    [property: Id(1)] ImmutableArray<MovedSubscription> Subscriptions,
    [property: Id(2)] uint ExpirySeconds,
    [property: Id(3)] SessionEpoch Epoch,
    [property: Id(4)] SessionEpoch SessionEpoch);

/// <param name="Filter">As the client wrote it.</param>
/// <param name="Identifier">Its subscription identifier; 0: it has none.</param>
/// <param name="OwesRetained">Some of the retained messages that it asked for are yet to come.</param>
[GenerateSerializer, Immutable, Alias("fleet.moved-subscription")]
public sealed record MovedSubscription(
    [property: Id(0)] string Filter,
    [property: Id(1)] byte Qos,
    [property: Id(2)] bool NoLocal,
    [property: Id(3)] bool RetainAsPublished,
    [property: Id(4)] uint Identifier = 0,
    [property: Id(5)] bool OwesRetained = false);

/// <param name="InFlight">Sent and not done with, in the order they were sent.</param>
/// <param name="Queued">Not sent yet, in order.</param>
/// <param name="LastPacketId">The packet identifier that was used last.</param>
/// <param name="Known">Numbers of messages that the session has had, these and the last ones before them; at most about a thousand.</param>
/// <param name="Unreleased">
/// Packet identifiers of QoS 2 messages from the client that it has not released: another PUBLISH with one of them is a repeat.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.moved-messages")]
public sealed record MovedMessages(
    [property: Id(0)] ImmutableArray<MovedMessage> InFlight,
    [property: Id(1)] ImmutableArray<MovedMessage> Queued,
    [property: Id(2)] ushort LastPacketId,
    [property: Id(3)] ImmutableArray<long> Known,
    [property: Id(4)] ImmutableArray<ushort> Unreleased = default);

/// <param name="PacketId">0 for one that was not sent yet.</param>
/// <param name="Qos">That the subscriber gets it with.</param>
/// <param name="Retain">As the subscriber sees it.</param>
/// <param name="Released">QoS 2: the client has it (PUBREC), and PUBCOMP is awaited; the message is empty.</param>
/// <param name="Identifiers">Subscription identifiers, as the PUBLISH has them; empty for none.</param>
/// <param name="Share">The shared subscription that it was chosen for, as clients write its filter; null: another one.</param>
[GenerateSerializer, Immutable, Alias("fleet.moved-message")]
public sealed record MovedMessage(
    [property: Id(0)] ushort PacketId,
    [property: Id(1)] byte Qos,
    [property: Id(2)] bool Retain,
    [property: Id(3)] PeerMessage Message,
    [property: Id(4)] bool Released = false,
    [property: Id(5)] ReadOnlyMemory<byte> Identifiers = default,
    [property: Id(6)] string? Share = null);
