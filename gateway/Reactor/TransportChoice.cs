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
