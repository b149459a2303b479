using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Channels;

/// <summary>What one client may say, and how fast: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class ChannelOptions
{
    /// <summary>From the open transport to CONNECT, in seconds (spec/security.md, 6.3).</summary>
    [Range(1, 120)] public int ConnectTimeoutSeconds { get; set; } = 5;

    /// <summary>
    /// From CONNECT to CONNACK, in seconds: the grains have 20 s to decide, the rest is for the store. Then the client is told to try
    /// again (0x88; 3.1.1: 3).
    /// </summary>
    [Range(1, 600)] public int ConnAckTimeoutSeconds { get; set; } = 30;

    /// <summary>Longest client identifier, in bytes of UTF-8.</summary>
    [Range(23, 65_535)] public int MaxClientIdBytes { get; set; } = 128;

    /// <summary>
    /// Keep alive in seconds for a client that asks for more, or for none. A client that asks for less gets what it asks for.
    /// </summary>
    [Range(1, 65_535)] public int MaxKeepAliveSeconds { get; set; } = 1_200;

    /// <summary>How long the session of a 3.1.1 client with clean session 0 outlives its connection, in seconds.</summary>
    [Range(1, 604_800)] public int PersistentSessionSeconds { get; set; } = 3_600;

    /// <summary>Longest session expiry that a 5.0 client gets, in seconds.</summary>
    [Range(0, 604_800)] public int MaxSessionExpirySeconds { get; set; } = 604_800;

    /// <summary>Largest PUBLISH payload, in bytes.</summary>
    [Range(1_024, 268_000_000)] public int MaxPayloadBytes { get; set; } = 128 * 1024;

    /// <summary>Longest topic name or filter, in bytes of UTF-8.</summary>
    [Range(16, 65_535)] public int MaxTopicBytes { get; set; } = 256;

    /// <summary>Levels of a topic name or filter; the prefix of a shared subscription does not count.</summary>
    [Range(1, 128)] public int MaxTopicLevels { get; set; } = 8;

    [Range(1, 1_000)] public int MaxFiltersPerSubscribe { get; set; } = 8;

    /// <summary>Topic aliases a client may set.</summary>
    [Range(0, 65_535)] public int TopicAliasMaximum { get; set; } = 8;

    /// <summary>
    /// PUBLISH packets per second and client: two hundred times what AWS IoT Core allows a device, and a tenth of a core here. Reading from
    /// a client that is faster pauses until it is within the rate, so nothing is lost or refused.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxPublishesPerSecond { get; set; } = 20_000;

    /// <summary>
    /// PUBLISH packets per second and connection of a claim, held to in the same way: a device needs two to be let in.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxClaimPublishesPerSecond { get; set; } = 10;

    /// <summary>Bytes of PUBLISH packets per second and client, held to in the same way. 128 of the largest messages.</summary>
    [Range(65_536, 1_000_000_000)] public int MaxPublishBytesPerSecond { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// How much a client that was quiet may send at once, in seconds of its rate: what it gathered while it was out of reach.
    /// </summary>
    [Range(0, 3_600)] public int PublishBurstSeconds { get; set; } = 2;

    /// <summary>
    /// Whether a client hears what a policy denies it, and a 5.0 client why it was refused. False: no reason strings, 0x80 instead of 0x87,
    /// with which a server does not wish to say (MQTT 5.0, 3.4.2.1 and 3.9.3), and a denied PUBLISH that has no code to answer it with is
    /// dropped as if it had been taken, instead of ending the connection [3.1.1 MQTT-3.3.5-2].
    /// </summary>
    public bool RevealReasons { get; set; } = true;

    public int MaxPacketBytes => MaxPayloadBytes + PacketOverheadBytes;

    /// <summary>Room for the headers, topic and properties of a PUBLISH beside its payload.</summary>
    private const int PacketOverheadBytes = 8 * 1024;
}
