using System.ComponentModel.DataAnnotations;
using Fleet.Gateway.Reactor.Tls;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Reactor;

/// <summary>What carries MQTT over TCP and TLS; WebSocket is Kestrel's always.</summary>
internal enum GatewayTransport
{
    /// <summary>The reactor where it can be, else Kestrel.</summary>
    Auto,
    Reactor,
    Kestrel,
}

/// <summary>Which transport it is on this machine.</summary>
internal sealed class TransportChoice
{
    public TransportChoice(IOptions<ReactorOptions> options)
    {
        if (options.Value.Transport == GatewayTransport.Kestrel) return;
        FellBackBecause = WhyNoReactor();
        IsReactor = FellBackBecause is null;
    }

    public bool IsReactor { get; }

    /// <summary>Null if nothing else was asked for.</summary>
    public string? FellBackBecause { get; }

    /// <summary>Null if the reactor can run here.</summary>
    public static string? WhyNoReactor() =>
        !OperatingSystem.IsLinux()
            ? "the reactor runs on Linux" : LibSsl.IsAvailable(out string? why) ? null : $"the reactor needs OpenSSL 3, and {why}";
}

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
