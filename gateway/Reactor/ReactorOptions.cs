using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Reactor;

/// <summary>What carries MQTT over TCP and TLS: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class ReactorOptions
{
    /// <summary>
    /// What carries MQTT over TCP and TLS: <c>auto</c> (the reactor on Linux with OpenSSL 3, else Kestrel), <c>reactor</c> (or nothing),
    /// <c>kestrel</c>.
    /// </summary>
    public GatewayTransport Transport { get; set; } = GatewayTransport.Auto;

    /// <summary>Threads of the reactor, each with its own connections. Null: one per processor.</summary>
    [Range(1, 1_024)] public int? ReactorLoops { get; set; }

    /// <summary>Keeps each of them on a processor of its own; for machines that do nothing else.</summary>
    public bool ReactorPinned { get; set; }
}
