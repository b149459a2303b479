using Fleet.Interfaces;

namespace Fleet.Gateway.Journal;

/// <summary>A persistent session, and who its client is: enough to judge with its policy what it may receive while it is away.</summary>
public sealed record SessionRow
{
    /// <summary>Never given twice: a session that begins anew has another one.</summary>
    public required long Id { get; init; }

    /// <summary>Its name among all sessions.</summary>
    public required string Key { get; init; }

    /// <summary>Of its last connection; of two sessions with one key the one with the higher epoch is right.</summary>
    public required SessionEpoch Epoch { get; init; }

    /// <summary>device, claim, operator or plain.</summary>
    public required string Kind { get; init; }
    public required string ClientId { get; init; }

    /// <summary>Of its last connection.</summary>
    public required string ConnectionId { get; init; }
    public required string RemoteAddress { get; init; }

    /// <summary>The gateway that its lease names.</summary>
    public string? Gateway { get; init; }
    public string? Thing { get; init; }
    public string? Certificate { get; init; }

    /// <summary>An operator's name.</summary>
    public string? Operator { get; init; }

    /// <summary>A claim's provisioning template.</summary>
    public string? Template { get; init; }

    /// <summary>Seconds that it outlives its connection.</summary>
    public required uint ExpirySeconds { get; init; }

    /// <summary>Null while it has a connection.</summary>
    public DateTimeOffset? DisconnectedAt { get; init; }

    /// <summary>
    /// How many of its deliveries, from the first, the client may have been sent: they go out again with DUP [MQTT-3.3.1-1].
    /// </summary>
    public required int MaybeSent { get; init; }

    /// <summary>Id of the dead gateway whose it was, while the fail-over of that one goes on. Of the store: it is not written.</summary>
    public string? LeftBy { get; init; }

    /// <summary>JSON; null if it has none.</summary>
    public string? Will { get; init; }
}

/// <param name="Filter">As the client wrote it.</param>
/// <param name="Options">The options byte of SUBSCRIBE. MQTT 5.0, 3.8.3.1.</param>
/// <param name="Identifier">Its subscription identifier; 0: none.</param>
/// <param name="OwesRetained">Some of the retained messages that it asked for are yet to come.</param>
public readonly record struct SubscriptionRow(long Session, string Filter, byte Options, uint Identifier, bool OwesRetained = false);

/// <summary>An application message, once for all sessions that are owed it.</summary>
/// <param name="Topic">Topic name, UTF-8.</param>
/// <param name="Properties">The MQTT 5 properties that are passed on unaltered, as encoded; without expiry.</param>
/// <param name="ExpiresAt">Null: never.</param>
public readonly record struct MessageRow(
    long Id, ReadOnlyMemory<byte> Topic, ReadOnlyMemory<byte> Payload, byte Qos, bool Retain, ReadOnlyMemory<byte> Properties,
    DateTimeOffset? ExpiresAt);

/// <summary>A message that a session is owed.</summary>
/// <param name="Number">Grows within the session, in the order in which messages reached it.</param>
/// <param name="Message">0 once PUBREC has come.</param>
/// <param name="Qos">1 or 2: that the client gets it with.</param>
/// <param name="Retain">As the client sees it.</param>
/// <param name="PacketId">0 before it has one; builds before this one wrote none down with QoS 1.</param>
/// <param name="Identifiers">Subscription identifiers, as the PUBLISH has them; empty for none.</param>
/// <param name="Share">The shared subscription that it was chosen for; null: another one.</param>
public readonly record struct DeliveryRow(
    long Session, long Number, long Message, byte Qos, bool Retain, ushort PacketId, ReadOnlyMemory<byte> Identifiers,
    string? Share = null);

public readonly record struct DeliveryKey(long Session, long Number);

/// <summary>A QoS 2 PUBLISH that came from the client, was routed, and waits for its PUBREL.</summary>
public readonly record struct ReceivedRow(long Session, ushort PacketId);
