namespace Fleet.Interfaces.Messaging;

/// <summary>
/// What one gateway tells another, in order. A batch is repeated until it is answered; the numbers let the receiver drop what it knows.
/// </summary>
/// <param name="From">Id of the sender.</param>
/// <param name="FirstNumber">Of the first frame; from 1, one more for each.</param>
/// <param name="To">Id of the gateway that it is for: in another of its lives, that one takes nothing of it.</param>
[GenerateSerializer, Immutable, Alias("fleet.peer-batch")]
public sealed record PeerBatch(
    [property: Id(0)] string From,
    [property: Id(1)] long FirstNumber,
    [property: Id(2)] ImmutableArray<LinkFrame> Frames,
    [property: Id(3)] string To);

[GenerateSerializer, Alias("fleet.peer-answer")]
public enum PeerAnswer
{
    /// <summary>Every frame has been received, now or before.</summary>
    Received,

    /// <summary>The receiver has not heard of the sender (yet): it may have just joined, or be taken for dead.</summary>
    UnknownSender,

    /// <summary>Frames are missing before these: one of the two is not who the other takes it for.</summary>
    OutOfOrder,

    /// <summary>The batch is for another gateway, or for another life of this one.</summary>
    WrongReceiver,
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
