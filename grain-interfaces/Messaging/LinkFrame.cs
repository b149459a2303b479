namespace Fleet.Interfaces.Messaging;

[GenerateSerializer, Immutable, Alias("fleet.link-frame")]
public abstract record LinkFrame
{
    private LinkFrame() { }

    /// <summary>A message for the receiver's subscribers.</summary>
    /// <param name="ToAll">For all but shared subscriptions.</param>
    /// <param name="Shares">Shared subscriptions, as clients write them, of which the receiver is to choose a member.</param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.published")]
    public sealed record Published(
        [property: Id(0)] PeerMessage Message,
        [property: Id(1)] bool ToAll,
        [property: Id(2)] ImmutableArray<string> Shares) : LinkFrame;

    /// <summary>The sender has subscribers with these topic filters: it is to be sent what matches from now on.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.advertised")]
    public sealed record Advertised([property: Id(0)] ImmutableArray<string> Filters) : LinkFrame;

    /// <summary>It has none with this filter any more.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.withdrawn")]
    public sealed record Withdrawn([property: Id(0)] string Filter) : LinkFrame;

    /// <summary>All that the sender had to advertise when the two met has been said.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.ready")]
    public sealed record Ready : LinkFrame;

    /// <summary>A retained message was stored, or removed if its payload is empty.</summary>
    /// <param name="Version">Of the store: an older one than the receiver has is dropped.</param>
    /// <param name="ExpiresAt">Null: never.</param>
    /// <param name="Principal">Whose share it counts towards; null: nobody's.</param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.retained")]
    public sealed record Retained(
        [property: Id(0)] PeerMessage Message,
        [property: Id(1)] long Version,
        [property: Id(2)] DateTimeOffset? ExpiresAt,
        [property: Id(3)] string? Principal = null) : LinkFrame;

    /// <summary>
    /// Goes from <paramref name="Origin"/> through every other gateway to <paramref name="To"/>, pushing before it what was on the way
    /// there.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.barrier")]
    public sealed record Barrier([property: Id(0)] long Token, [property: Id(1)] string Origin, [property: Id(2)] string To) : LinkFrame;

    /// <summary>One of the roads is empty.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.barrier-reached")]
    public sealed record BarrierReached([property: Id(0)] long Token) : LinkFrame;

    /// <summary>The sender goes on with the sessions that dead gateways left: what the receiver has for those is for the sender.</summary>
    /// <param name="Dead">Of one takeover; the first stands for it.</param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.successor")]
    public sealed record Successor([property: Id(0)] ImmutableArray<DeadGateway> Dead) : LinkFrame;

    /// <summary>A message that the sender had for a dead gateway whose successor the receiver is.</summary>
    /// <param name="For">
    /// The gateways whose sessions it is for: the dead one, and those that it was the successor of when it was to have it.
    /// </param>
    /// <param name="ToAll">As in <see cref="Published"/>, though for what these gateways left alone.</param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.redirected")]
    public sealed record Redirected(
        [property: Id(0)] ImmutableArray<string> For,
        [property: Id(1)] PeerMessage Message,
        [property: Id(2)] bool ToAll,
        [property: Id(3)] ImmutableArray<string> Shares) : LinkFrame;

    /// <summary>
    /// All that waited at the sender for the dead gateways of a takeover has been said to their successor, the receiver. What it publishes
    /// from here on for the receiver's sessions is for theirs too.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.handed-over")]
    public sealed record HandedOver([property: Id(0)] ImmutableArray<string> Dead) : LinkFrame;

    /// <summary>
    /// What the dead gateway's sessions subscribe to, the sender, its successor, has advertised: nothing is for the dead one any more.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.failed-over")]
    public sealed record FailedOver([property: Id(0)] string Dead) : LinkFrame;

    /// <summary>A message for a session that moves to the receiver, from where it was before.</summary>
    /// <param name="Epoch">
    /// With which it was taken over (<see cref="MovedSession.Epoch"/>): another session of the client's does not get it.
    /// </param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.late")]
    public sealed record Late(
        [property: Id(0)] string SessionKey, [property: Id(1)] MovedMessage Message, [property: Id(2)] long Epoch) : LinkFrame;

    /// <summary>The sender has stored a session that it took over from the receiver: the receiver need not keep it.</summary>
    /// <param name="Epoch">With which it was taken over (<see cref="MovedSession.Epoch"/>).</param>
    [GenerateSerializer, Immutable, Alias("fleet.link-frame.session-stored")]
    public sealed record SessionStored([property: Id(0)] string SessionKey, [property: Id(1)] long Epoch) : LinkFrame;
}

/// <summary>A gateway that is dead, as its successor names it.</summary>
/// <param name="StoredUpTo">Number of the last frame of the receiver's that the dead gateway had stored; 0: none.</param>
[GenerateSerializer, Immutable, Alias("fleet.dead-gateway")]
public sealed record DeadGateway([property: Id(0)] string GatewayId, [property: Id(1)] long StoredUpTo);
