using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Auth;

/// <summary>Who is let in, and how often: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class AdmissionOptions
{
    /// <summary>
    /// Connections per second that are let in, with a second's worth at once; what is over it is closed at accept. A handshake costs about
    /// a millisecond of processor time, so this is a core. The gateway goes below it, to a fiftieth, while it is late.
    /// </summary>
    [Range(1, 1_000_000)] public int ConnectRate { get; set; } = 1_000;

    /// <summary>
    /// Connections whose PROXY protocol header has not come: it comes with the first packet, so this is many. For one more, the longest
    /// silent of the address that has most of them is closed, as it is for the two that follow.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxAwaitingProxyHeader { get; set; } = 1_000;

    /// <summary>Connections between accept and the end of the TLS handshake. Two seconds of <see cref="ConnectRate"/>.</summary>
    [Range(1, 1_000_000)] public int MaxOpeningConnections { get; set; } = 2_000;

    /// <summary>
    /// Connections between the end of the TLS handshake (without TLS: accept; WebSocket: the upgrade) and CONNACK. Two seconds of
    /// <see cref="ConnectRate"/>.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxAwaitingConnect { get; set; } = 2_000;

    /// <summary>
    /// Connections of one client id within a minute that may end within 10 s of their start without DISCONNECT; with the next the client is
    /// held off (0x9F) for 30 s, then longer. One every 2 s: AWS IoT takes one per second, and each costs a handshake, grain calls and
    /// writes. 0: no limit.
    /// </summary>
    [Range(0, 100_000)] public int FlappingLimit { get; set; } = 30;
}
