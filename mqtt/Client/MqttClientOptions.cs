namespace Fleet.Mqtt;

public enum MqttTransport
{
    Tcp,
    Tls,

    /// <summary>Subprotocol "mqtt"; wss:// if <see cref="MqttClientOptions.Tls"/> is set.</summary>
    WebSocket,
}

/// <summary>How to reach a server and what to say in CONNECT. Holds no state: one instance serves any number of connections.</summary>
public sealed record MqttClientOptions
{
    public string Host { get; init; } = "localhost";

    /// <summary>TCP port; 0 means the usual one: 1883 (TCP), 8883 (TLS), 80 or 443 (WebSocket).</summary>
    public int Port { get; init; }

    public MqttTransport Transport { get; init; }

    public string WebSocketPath { get; init; } = "/mqtt";

    /// <summary>Required by <see cref="MqttTransport.Tls"/>. Share one instance among connections that use the same certificate.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Opens the byte stream instead of <see cref="Transport"/>; the client disposes it. For tests and for odd networks.</summary>
    public Func<CancellationToken, ValueTask<Stream>>? OpenStream { get; init; }

    public MqttVersion ProtocolVersion { get; init; } = MqttVersion.V5;

    /// <summary>Empty asks the server to assign one.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>Clean Start of 5.0; Clean Session of 3.1.1.</summary>
    public bool CleanStart { get; init; } = true;

    /// <summary>
    /// Seconds the session outlives the connection; 0xFFFFFFFF: for ever. 5.0 only: a 3.1.1 session lives if
    /// <see cref="CleanStart"/> is false.
    /// </summary>
    public uint SessionExpirySeconds { get; init; }

    /// <summary>
    /// Give the connections of one session the same: QoS 2 messages then come once, whatever happens to the
    /// connections. Null: each begins anew.
    /// </summary>
    public MqttClientSession? Session { get; init; }

    /// <summary>
    /// Longest silence before a PINGREQ, whole seconds up to 65,535 s; zero turns keep-alive off. A 5.0 server may override it.
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(60);

    public string? UserName { get; init; }

    public ReadOnlyMemory<byte>? Password { get; init; }

    public MqttWill? Will { get; init; }

    /// <summary>From opening the transport to CONNACK.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Largest packet accepted, in bytes; told to a 5.0 server.</summary>
    public int MaxPacketBytes { get; init; } = 1024 * 1024;

    /// <summary>QoS 1 and 2 messages that a 5.0 server may have outstanding towards this client, 1 to 65,535.</summary>
    public ushort ReceiveMaximum { get; init; } = 65_535;

    /// <summary>
    /// Called with one message at a time, in order. A QoS 1 or 2 message is acknowledged when the returned task completes; the handler
    /// may await this client's own operations. If it throws, the connection is aborted and
    /// <see cref="MqttClient.Closed"/> carries the exception.
    /// </summary>
    public Func<IncomingMessage, ValueTask>? OnMessage { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
