using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.IntegrationTests.Support;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>
/// Connections that come and say nothing hold every slot that there is, from one address and from as many as there are connections, and no
/// time-out ends them. A client at an address of its own gets in all the same, each time.
/// </summary>
public sealed class SilentConnectionTests : IAsyncLifetime
{
    private const int Times = 8, Slots = 200, Flood = 300;

    private FleetService _fleet = null!;
    private X509Certificate2 _device = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetService.Start(
            "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:ConnectRate=100000", "Fleet:Gateway:FlappingLimit=0",
            "Fleet:Gateway:HandshakeTimeoutSeconds=120", "Fleet:Gateway:ConnectTimeoutSeconds=120",
            $"Fleet:Gateway:MaxAwaitingConnect={Slots}", $"Fleet:Http:MaxConnections={Slots}");
        _device = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Theory(DisplayName = "TCP without TLS: 2,300 of them"), InlineData(1), InlineData(2_300)]
    public async Task Before_tls(int addresses)
    {
        await using var silent = await SilentClients.Open(_fleet.MqttsPort, 2_300, addresses);
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenMore(10);
            await OwnAddress.ConnectTls(_fleet, _device, "amr-1");
        }
        await Told("tlsHandshake");
    }

    [Fact(DisplayName = "TLS without CONNECT")]
    public async Task Before_connect()
    {
        await using var silent = await SilentClients.Open(_fleet.MqttsPort, 0, addresses: 1);
        await silent.OpenTls(Flood, _fleet, _device);
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenTls(5, _fleet, _device);
            await OwnAddress.ConnectTls(_fleet, _device, "amr-1");
        }
        await Told("connect");
    }

    [Theory(DisplayName = "the plain port without CONNECT"), InlineData(1), InlineData(Flood)]
    public async Task Plain(int addresses)
    {
        await using var silent = await SilentClients.Open(_fleet.PlainPort, Flood, addresses);
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenMore(10);
            await using var stream = await OwnAddress.Dial(_fleet.PlainPort);
            await OwnAddress.Connect(stream, "plain");
        }
    }

    [Theory(DisplayName = "HTTP without a request: WebSocket and the API go on"), InlineData(1), InlineData(Flood)]
    public async Task Before_a_request(int addresses)
    {
        await using var silent = await SilentClients.Open(_fleet.Http.Port, Flood, addresses);
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenMore(10);
            using var http = OwnAddress.Http();
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_fleet.Http, "api/v1/devices"));
            request.Headers.Authorization = new("Bearer", _fleet.AdminToken);
            using var answer = await http.SendAsync(request, default);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            await silent.OpenMore(10);
            await LogIn(http);
        }
        Assert.Contains("fleet_http_connections_closed", await Metrics(), StringComparison.Ordinal);
    }

    [Fact(DisplayName = "WebSocket without CONNECT")]
    public async Task WebSocket_before_connect()
    {
        List<ClientWebSocket> silent = [];
        using var theirs = new HttpMessageInvoker(new SocketsHttpHandler());
        // As many as HTTP has room for: they are not idle there.
        for (int i = 0; i < Slots - 40; i++) silent.Add(await Upgrade(theirs));
        await using var more = await SilentClients.Open(_fleet.PlainPort, Flood, addresses: 1);
        using var http = OwnAddress.Http();
        for (int i = 0; i < Times; i++) await LogIn(http);
        foreach (var socket in silent) socket.Dispose();
    }

    private async Task LogIn(HttpMessageInvoker http)
    {
        using var socket = await Upgrade(http);
        byte[] token = Encoding.UTF8.GetBytes(_fleet.AdminToken), packet = new byte[256];
        await socket.SendAsync(
            Packet(0x10, [0, 4, .. "MQTT"u8, 5, 0xC2, 0, 60, 0, 0, 2, .. "ws"u8, 0, 1, (byte)'u', 0, (byte)token.Length, .. token]),
            WebSocketMessageType.Binary, true, default);
        using var patience = new CancellationTokenSource(Eventually.Patience);
        var received = await socket.ReceiveAsync(packet.AsMemory(), patience.Token);
        Assert.Equal(WebSocketMessageType.Binary, received.MessageType);
        Assert.Equal([0x20, 0], [packet[0], packet[3]]);
    }

    private async Task<ClientWebSocket> Upgrade(HttpMessageInvoker http)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("mqtt");
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_fleet.Http.Port}/mqtt"), http, default);
        return socket;
    }

    /// <summary>The metric counts, and the log says it, but not each time.</summary>
    private async Task Told(string stage)
    {
        string line = (await Metrics()).Split('\n').Single(line =>
            line.StartsWith("mqtt_server_connections_opening_closed_total{", StringComparison.Ordinal)
            && line.Contains($"stage=\"{stage}\"", StringComparison.Ordinal));
        Assert.False(line.Contains("} 0 ", StringComparison.Ordinal) || line.EndsWith("} 0", StringComparison.Ordinal), line);
        Assert.InRange(_fleet.Output.Split("There are too many connections that wait").Length - 1, 1, 10);
    }

    private async Task<string> Metrics()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri(_fleet.Metrics, "metrics"));
    }
}
