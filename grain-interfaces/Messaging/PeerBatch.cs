namespace Fleet.Interfaces.Messaging;

/// <summary>
/// What one gateway tells another, in order. A batch is repeated until it is answered; the numbers let the receiver drop what it knows.
/// </summary>
/// <param name="From">Id of the sender.</param>
/// <param name="FirstNumber">Of the first word; from 1, one more for each.</param>
[GenerateSerializer, Immutable, Alias("fleet.peer-batch")]
public sealed record PeerBatch(
    [property: Id(0)] string From,
    [property: Id(1)] long FirstNumber,
    [property: Id(2)] ImmutableArray<PeerWord> Words);

[GenerateSerializer, Alias("fleet.peer-answer")]
public enum PeerAnswer
{
    /// <summary>Every word has been taken, now or before.</summary>
    Taken,

    /// <summary>The receiver has not heard of the sender (yet): it may have just joined, or be taken for dead.</summary>
    UnknownSender,

    /// <summary>Words are missing before these: one of the two is not who the other takes it for.</summary>
    OutOfOrder,
}

[GenerateSerializer, Immutable, Alias("fleet.peer-word")]
public abstract record PeerWord
{
    private PeerWord() { }

    /// <summary>A message for the receiver's subscribers.</summary>
    /// <param name="ToAll">For all but shared subscriptions.</param>
    /// <param name="Shares">Shared subscriptions, as clients write them, of which the receiver is to choose a member.</param>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.published")]
    public sealed record Published(
        [property: Id(0)] PeerMessage Message,
        [property: Id(1)] bool ToAll,
        [property: Id(2)] ImmutableArray<string> Shares) : PeerWord;

    /// <summary>The sender wants messages with these topic filters from now on.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.wanted")]
    public sealed record Wanted([property: Id(0)] ImmutableArray<string> Filters) : PeerWord;

    /// <summary>It does not any more.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.unwanted")]
    public sealed record Unwanted([property: Id(0)] string Filter) : PeerWord;

    /// <summary>All that the sender wanted when the two met has been said.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.ready")]
    public sealed record Ready : PeerWord;

    /// <summary>A retained message was stored, or removed if its payload is empty.</summary>
    /// <param name="Version">Of the store: an older one than the receiver has is dropped.</param>
    /// <param name="ExpiresAt">Null: never.</param>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.retained")]
    public sealed record Retained(
        [property: Id(0)] PeerMessage Message,
        [property: Id(1)] long Version,
        [property: Id(2)] DateTimeOffset? ExpiresAt) : PeerWord;

    /// <summary>
    /// Goes from <paramref name="Origin"/> through every other gateway to <paramref name="To"/>, pushing before it
    /// what was on the way there.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.flush")]
    public sealed record Flush([property: Id(0)] long Token, [property: Id(1)] string Origin, [property: Id(2)] string To) : PeerWord;

    /// <summary>One of the roads is empty.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.flushed")]
    public sealed record Flushed([property: Id(0)] long Token) : PeerWord;

    /// <summary>
    /// The sender goes on with the sessions that a dead gateway left: what the receiver has for that one is for the sender.
    /// </summary>
    /// <param name="StoredUpTo">Number of the last word of the receiver's that the dead gateway had stored; 0: none.</param>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.heir")]
    public sealed record Heir([property: Id(0)] string Dead, [property: Id(1)] long StoredUpTo) : PeerWord;

    /// <summary>A message that the sender had for a dead gateway whose heir the receiver is.</summary>
    /// <param name="ToAll">As in <see cref="Published"/>, though for what the dead gateway left alone.</param>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.bequeathed")]
    public sealed record Bequeathed(
        [property: Id(0)] string Dead,
        [property: Id(1)] PeerMessage Message,
        [property: Id(2)] bool ToAll,
        [property: Id(3)] ImmutableArray<string> Shares) : PeerWord;

    /// <summary>All that waited at the sender for a dead gateway has been said to its heir, the receiver.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.handed-over")]
    public sealed record HandedOver([property: Id(0)] string Dead) : PeerWord;

    /// <summary>
    /// What the dead gateway's sessions want, the sender, its heir, has said that it wants: nothing is for the dead one any more.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.buried")]
    public sealed record Buried([property: Id(0)] string Dead) : PeerWord;

    /// <summary>A message for a session that has moved to the receiver, from where it was before.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.peer-word.late")]
    public sealed record Late([property: Id(0)] string SessionKey, [property: Id(1)] MovedMessage Message) : PeerWord;
}

/// <summary>An application message between gateways.</summary>
/// <param name="Topic">Topic name, UTF-8.</param>
/// <param name="Qos">As it was published.</param>
/// <param name="Retain">As it was published.</param>
/// <param name="Properties">The MQTT 5 properties that are passed on unaltered, as encoded; without expiry.</param>
/// <param name="ExpiresInMs">What is left of its expiry, in milliseconds; null: it has none.</param>
/// <param name="Number">
/// Unique in the cluster, so that one that comes by two roads is known; 0: it has left its gateway in no other way.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.peer-message")]
public sealed record PeerMessage(
    [property: Id(0)] ReadOnlyMemory<byte> Topic,
    [property: Id(1)] ReadOnlyMemory<byte> Payload,
    [property: Id(2)] byte Qos,
    [property: Id(3)] bool Retain,
    [property: Id(4)] ReadOnlyMemory<byte> Properties,
    [property: Id(5)] long? ExpiresInMs,
    [property: Id(6)] long Number);
