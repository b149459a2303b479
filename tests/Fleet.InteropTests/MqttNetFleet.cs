using System.Security.Cryptography.X509Certificates;
using Fleet.IntegrationTests.Support;
using MQTTnet;
using MQTTnet.Formatter;

namespace Fleet.InteropTests;

/// <summary>The ways in: as anybody without TLS, as a device with its certificate, as an operator with the admin token.</summary>
public enum Listener { Tcp, Tls, WebSocket }

/// <summary>One service for all tests of a class; each takes client ids of its own, and topics below <c>fleet/{client id}/</c>.</summary>
public sealed class MqttNetFleet : IAsyncLifetime
{
    private readonly Dictionary<string, X509Certificate2> _devices = [];
    private int _ids;

    internal FleetService Service { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Service = await FleetService.Start("Fleet:Gateway:PlainPort=0");

    public async ValueTask DisposeAsync() => await Service.DisposeAsync();

    internal string NewId() => $"client-{Interlocked.Increment(ref _ids)}";

    /// <param name="more">Changes what the client asks for.</param>
    internal async Task<MqttNetClient> Connect(
        Listener listener, MqttProtocolVersion version, string? id = null, Action<MqttClientOptionsBuilder>? more = null)
    {
        id ??= NewId();
        var options = new MqttClientOptionsBuilder().WithProtocolVersion(version).WithClientId(id);
        switch (listener)
        {
            case Listener.Tcp:
                options.WithTcpServer("localhost", Service.PlainPort);
                break;
            case Listener.Tls:
                var certificate = await Certificate(id);
                options.WithTcpServer("localhost", Service.MqttsPort).WithTlsOptions(tls => tls
                    .WithClientCertificates([certificate])
                    .WithTrustChain([X509CertificateLoader.LoadCertificateFromFile(Service.CaCertificateFile)])
                    .WithRevocationMode(X509RevocationMode.NoCheck));
                break;
            case Listener.WebSocket:
                options.WithWebSocketServer(socket => socket.WithUri($"ws://127.0.0.1:{Service.Http.Port}/mqtt"))
                    .WithCredentials("operator", Service.AdminToken);
                break;
        }
        more?.Invoke(options);
        return await MqttNetClient.Connect(id, options.Build());
    }

    private async Task<X509Certificate2> Certificate(string thing)
    {
        if (!_devices.TryGetValue(thing, out var certificate))
            _devices[thing] = certificate = await WireDevice.Enrol(Service, await Service.NewClaimFile(), thing);
        return certificate;
    }
}
