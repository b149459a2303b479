using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Transport;

/// <summary>Where clients connect, and what a connection may take: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class TransportOptions
{
    /// <summary>IP address that the MQTT listeners bind to; <see cref="PlainPort"/> binds to loopback whatever this says.</summary>
    [Required] public string Address { get; set; } = "127.0.0.1";

    /// <summary>MQTT over TLS; 0: any free port.</summary>
    [Range(0, 65_535)] public int MqttsPort { get; set; } = 8883;

    /// <summary>MQTT without TLS, for development and measurement. Null: off; 0: any free port.</summary>
    [Range(0, 65_535)] public int? PlainPort { get; set; }

    /// <summary>
    /// Every MQTT connection begins with a PROXY protocol header (version 1 or 2): only for listeners that nothing but a load balancer can
    /// reach, since the header is believed. A connection without it is closed.
    /// </summary>
    public bool ProxyProtocol { get; set; }

    /// <summary>From TCP accept to the end of the PROXY protocol header, in seconds: a balancer sends it at once.</summary>
    [Range(1, 120)] public int ProxyHeaderTimeoutSeconds { get; set; } = 3;

    /// <summary>From TCP accept, or the PROXY protocol header, to the end of the TLS handshake, in seconds.</summary>
    [Range(1, 120)] public int HandshakeTimeoutSeconds { get; set; } = 10;

    /// <summary>
    /// Requests to reserved topics that wait for their turn, per connection; more are refused (0x97). Above the receive maximum, so that
    /// only QoS 0 gets there.
    /// </summary>
    [Range(1, 1_000)] public int MaxPendingRequests { get; set; } = 128;
}
