using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Hosting;

/// <summary>The section <c>Fleet:Gateway</c>. Limits are those of AWS IoT Core (spec/aws-iot-topics.md, 5.2 to 5.5), so that devices move over unchanged.</summary>
internal sealed class GatewayOptions
{
    public const string Section = "Fleet:Gateway";

    /// <summary>IP address that the MQTT listeners bind to; <see cref="PlainPort"/> binds to loopback whatever this says.</summary>
    [Required] public string Address { get; set; } = "127.0.0.1";

    /// <summary>
    /// What this gateway is called among the others; one that starts under the same name takes the place of the one before at once, instead of
    /// when that has been silent for long enough. Null: the machine's name and <c>Fleet:DataDirectory</c>, which one process at a time can have;
    /// none for a process that is a gateway alone.
    /// </summary>
    public string? Name { get; set; }

    /// <summary>MQTT over TLS; 0: any free port.</summary>
    [Range(0, 65_535)] public int MqttsPort { get; set; } = 8883;

    /// <summary>MQTT without TLS, for development and measurement. Null: off; 0: any free port.</summary>
    [Range(0, 65_535)] public int? PlainPort { get; set; }

    /// <summary>
    /// What carries MQTT over TCP and TLS: <c>auto</c> (the reactor on Linux with OpenSSL 3, else Kestrel), <c>reactor</c> (or nothing), <c>kestrel</c>.
    /// </summary>
    public GatewayTransport Transport { get; set; } = GatewayTransport.Auto;

    /// <summary>Threads of the reactor, each with its own connections. Null: one per processor.</summary>
    [Range(1, 1_024)] public int? ReactorLoops { get; set; }

    /// <summary>Keeps each of them on a processor of its own; for machines that do nothing else.</summary>
    public bool ReactorPinned { get; set; }

    /// <summary>Policy document for the clients of <see cref="PlainPort"/>; null: the built-in one, all topics but those that start with '$'.</summary>
    public string? PlainPolicyPath { get; set; }

    /// <summary>What download URLs start with, such as <c>https://fleet.example.com</c>. Null: the HTTP address that was bound.</summary>
    public Uri? PublicUrl { get; set; }

    /// <summary>
    /// Every MQTT connection begins with a PROXY protocol header (version 1 or 2): only for listeners that nothing but a load balancer can
    /// reach, since the header is believed. A connection without it is closed.
    /// </summary>
    public bool ProxyProtocol { get; set; }

    /// <summary>
    /// Connections per second that are let in, with a second's worth at once; what is over it is closed at accept. A handshake costs about a
    /// millisecond of processor time, so this is a core. The gateway goes below it, to a fiftieth, while it is late.
    /// </summary>
    [Range(1, 1_000_000)] public int ConnectRate { get; set; } = 1_000;

    /// <summary>Connections between accept and CONNACK, half-open ones among them; more are closed at accept. Two seconds of <see cref="ConnectRate"/>.</summary>
    [Range(1, 1_000_000)] public int MaxOpeningConnections { get; set; } = 2_000;

    /// <summary>
    /// Connections of one client id within a minute that may end within 10 s of their start without DISCONNECT; with the next the client is held off (0x9F) for 30 s,
    /// then longer. One every 2 s: AWS IoT takes one per second, and each costs a handshake, grain calls and writes. 0: no limit.
    /// </summary>
    [Range(0, 100_000)] public int FlappingLimit { get; set; } = 30;

    /// <summary>From TCP accept to the end of the TLS handshake, in seconds.</summary>
    [Range(1, 120)] public int HandshakeTimeoutSeconds { get; set; } = 10;

    /// <summary>From the open transport to CONNECT, in seconds (spec/security.md, 6.3).</summary>
    [Range(1, 120)] public int ConnectTimeoutSeconds { get; set; } = 5;

    /// <summary>Largest PUBLISH payload, in bytes.</summary>
    [Range(1_024, 268_000_000)] public int MaxPayloadBytes { get; set; } = 128 * 1024;

    /// <summary>Longest topic name or filter, in bytes of UTF-8.</summary>
    [Range(16, 65_535)] public int MaxTopicBytes { get; set; } = 256;

    /// <summary>Levels of a topic name or filter; the prefix of a shared subscription does not count.</summary>
    [Range(1, 128)] public int MaxTopicLevels { get; set; } = 8;

    /// <summary>Longest client identifier, in bytes of UTF-8.</summary>
    [Range(23, 65_535)] public int MaxClientIdBytes { get; set; } = 128;

    [Range(1, 1_000)] public int MaxFiltersPerSubscribe { get; set; } = 8;

    [Range(1, 100_000)] public int MaxSubscriptionsPerSession { get; set; } = 50;

    /// <summary>QoS 1 and 2 messages unacknowledged at a time, each way.</summary>
    [Range(1, 65_535)] public int ReceiveMaximum { get; set; } = 100;

    /// <summary>
    /// PUBLISH packets per second and client: two hundred times what AWS IoT Core allows a device, and a tenth of a core here. Reading from a client that
    /// is faster pauses until it is within the rate, so nothing is lost or refused.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxPublishesPerSecond { get; set; } = 20_000;

    /// <summary>Bytes of PUBLISH packets per second and client, held to in the same way. 128 of the largest messages.</summary>
    [Range(65_536, 1_000_000_000)] public int MaxPublishBytesPerSecond { get; set; } = 16 * 1024 * 1024;

    /// <summary>How much a client that was quiet may send at once, in seconds of its rate: what it gathered while it was out of reach.</summary>
    [Range(0, 3_600)] public int PublishBurstSeconds { get; set; } = 2;

    /// <summary>
    /// Sessions at a time, those whose client is away among them; a further client is refused (0x97; 3.1.1: 3). A connected one takes some 36 KiB, so these
    /// are about 9 GiB.
    /// </summary>
    [Range(1, 10_000_000)] public int MaxSessions { get; set; } = 250_000;

    /// <summary>
    /// Whether a client hears what a policy denies it, and a 5.0 client why it was refused. False: no reason strings, 0x80 instead of 0x87, with which a
    /// server does not wish to say (MQTT 5.0, 3.4.2.1 and 3.9.3), and a denied PUBLISH that has no code to answer it with is dropped as if it had been
    /// taken, instead of ending the connection [3.1.1 MQTT-3.3.5-2].
    /// </summary>
    public bool RevealReasons { get; set; } = true;

    /// <summary>Topic aliases a client may set.</summary>
    [Range(0, 65_535)] public int TopicAliasMaximum { get; set; } = 8;

    /// <summary>Keep alive in seconds for a client that asks for more, or for none. A client that asks for less gets what it asks for.</summary>
    [Range(1, 65_535)] public int MaxKeepAliveSeconds { get; set; } = 1_200;

    /// <summary>How long the session of a 3.1.1 client with clean session 0 outlives its connection, in seconds.</summary>
    [Range(1, 604_800)] public int PersistentSessionSeconds { get; set; } = 3_600;

    /// <summary>Longest session expiry that a 5.0 client gets, in seconds.</summary>
    [Range(0, 604_800)] public int MaxSessionExpirySeconds { get; set; } = 604_800;

    /// <summary>Messages that wait for a slow or absent subscriber.</summary>
    [Range(1, 1_000_000)] public int MaxQueuedMessages { get; set; } = 1_000;

    /// <summary>Payload bytes that wait for a slow or absent subscriber.</summary>
    [Range(1_024, int.MaxValue)] public int MaxQueuedBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Bytes handed to the transport and not yet taken by it; above this, messages stay in the queue and requests wait.</summary>
    [Range(4_096, 16_777_216)] public int MaxOutboundBytes { get; set; } = 256 * 1024;

    /// <summary>Bytes of messages that wait for each other gateway; above this, QoS 0 is dropped and QoS 1 and 2 are refused (0x97).</summary>
    [Range(65_536, int.MaxValue)] public int MaxForwardBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// Bytes of messages on their way to the store, for all persistent sessions together; above this, messages for them are refused (0x97). Two seconds of a slow disk.
    /// </summary>
    [Range(65_536, int.MaxValue)] public int MaxJournalBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// For so long messages of QoS 1 for persistent sessions whose clients are there wait to be written: what is acknowledged before need not be. A commit takes
    /// about as long. 0: they are written at once.
    /// </summary>
    [Range(0, 100)] public int JournalWindowMilliseconds { get; set; } = 2;

    /// <summary>Requests to reserved topics that wait for their turn, per connection; more are refused (0x97). Above the receive maximum, so that only QoS 0 gets there.</summary>
    [Range(1, 1_000)] public int MaxPendingRequests { get; set; } = 128;

    /// <summary>Topics with a retained message.</summary>
    [Range(0, 100_000_000)] public int MaxRetainedMessages { get; set; } = 1_000_000;

    /// <summary>Memory for blocks of firmware, in bytes.</summary>
    [Range(1_048_576, long.MaxValue)] public long BlockCacheBytes { get; set; } = 64L * 1024 * 1024;

    public int MaxPacketBytes => MaxPayloadBytes + PacketOverheadBytes;

    /// <summary>Room for the headers, topic and properties of a PUBLISH beside its payload.</summary>
    private const int PacketOverheadBytes = 8 * 1024;
}
