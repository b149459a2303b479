using System.Net;
using Fleet.Gateway.Admission;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

/// <summary>The MQTT listeners, as they were bound.</summary>
public sealed class GatewayListeners
{
    private ListenOptions? _mqtts, _plain;
    private (int Mqtts, int? Plain)? _reactor;

    /// <summary>MQTT over TLS; null before the server has started.</summary>
    public int? MqttsPort => _reactor?.Mqtts ?? PortOf(_mqtts);

    /// <summary>MQTT without TLS; null if it is off.</summary>
    public int? PlainPort => _reactor?.Plain ?? PortOf(_plain);

    /// <summary>The host has asked for them.</summary>
    internal bool AreWanted { get; private set; }

    /// <summary>They are the reactor's.</summary>
    internal void Bound(int mqtts, int? plain) => _reactor = (mqtts, plain);

    internal void Bind(KestrelServerOptions kestrel, GatewayOptions options)
    {
        var services = kestrel.ApplicationServices;
        AreWanted = true;
        if (services.GetRequiredService<TransportChoice>().IsReactor) return;
        kestrel.Listen(IPAddress.Parse(options.Address), options.MqttsPort, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            UseAdmission(listen, options);
            listen.UseHttps(MqttTls.Options(services, TimeSpan.FromSeconds(options.HandshakeTimeoutSeconds)));
            listen.UseConnectionHandler<MqttsTransport>();
            _mqtts = listen;
        });
        if (options.PlainPort is not { } plain) return;
        kestrel.Listen(IPAddress.Loopback, plain, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            UseAdmission(listen, options);
            listen.UseConnectionHandler<PlainTransport>();
            _plain = listen;
        });
    }

    /// <summary>What comes before TLS: who is it really, and may they come in now?</summary>
    private static void UseAdmission(ListenOptions listen, GatewayOptions options)
    {
        var services = listen.ApplicationServices;
        var clock = services.GetRequiredService<GatewayClock>();
        if (options.ProxyProtocol)
        {
            var log = services.GetRequiredService<ILogger<GatewayListeners>>();
            listen.Use(next => ProxyProtocol.Middleware(next, TimeSpan.FromSeconds(options.HandshakeTimeoutSeconds), clock.Time, log));
        }
        var admission = services.GetRequiredService<ConnectAdmission>();
        listen.Use(next => AdmissionPass.Middleware(next, admission, clock));
    }

    private static int? PortOf(ListenOptions? listen) => listen?.EndPoint is IPEndPoint { Port: > 0 } endPoint ? endPoint.Port : null;
}

public static class GatewayListenerExtensions
{
    /// <summary>
    /// Adds the MQTT listeners that <c>Fleet:Gateway</c> asks for. Call it after the HTTP listener: download URLs use the first address
    /// that is not MQTT, unless <c>Fleet:Gateway:PublicUrl</c> is set.
    /// </summary>
    public static KestrelServerOptions ListenFleetMqtt(this KestrelServerOptions kestrel)
    {
        var services = kestrel.ApplicationServices;
        services.GetRequiredService<GatewayListeners>().Bind(kestrel, services.GetRequiredService<IOptions<GatewayOptions>>().Value);
        return kestrel;
    }
}
