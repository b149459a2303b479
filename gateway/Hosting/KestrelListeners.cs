using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Reactor;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

public static class KestrelListeners
{
    /// <summary>
    /// Adds the MQTT listeners that <c>Fleet:Gateway</c> asks for. Call it after the HTTP listener: download URLs use the first address
    /// that is not MQTT, unless <c>Fleet:Gateway:PublicUrl</c> is set.
    /// </summary>
    public static KestrelServerOptions ListenFleetMqtt(this KestrelServerOptions kestrel)
    {
        var services = kestrel.ApplicationServices;
        var listeners = services.GetRequiredService<GatewayListeners>();
        listeners.Want();
        if (services.GetRequiredService<TransportChoice>().IsReactor) return kestrel;
        var options = services.GetRequiredService<IOptions<TransportOptions>>().Value;
        ListenOptions mqtts = null!;
        ListenOptions? plain = null;
        kestrel.Listen(IPAddress.Parse(options.Address), options.MqttsPort, listen =>
        {
            mqtts = Accept(listen, options, OpeningStage.TlsHandshake);
            listen.UseHttps(MqttTls.Options(services, TimeSpan.FromSeconds(options.HandshakeTimeoutSeconds)));
            listen.UseConnectionHandler<MqttsTransport>();
        });
        if (options.PlainPort is { } port)
        {
            kestrel.Listen(IPAddress.Loopback, port, listen =>
            {
                plain = Accept(listen, options, OpeningStage.Connect);
                listen.UseConnectionHandler<PlainTransport>();
            });
        }
        listeners.Bound(mqtts, plain);
        return kestrel;
    }

    /// <summary>What comes before TLS: who is it really, and may they come in now?</summary>
    private static ListenOptions Accept(ListenOptions listen, TransportOptions options, OpeningStage next)
    {
        listen.Protocols = HttpProtocols.Http1;
        var services = listen.ApplicationServices;
        var accept = new KestrelAdmission(
            services.GetRequiredService<ConnectAdmission>(), next, TimeSpan.FromSeconds(options.ProxyHeaderTimeoutSeconds),
            services.GetRequiredService<GatewayClock>().Time, services.GetRequiredService<ILogger<GatewayListeners>>());
        listen.Use(connected => options.ProxyProtocol ? accept.BehindProxy(connected) : accept.Direct(connected));
        return listen;
    }
}
