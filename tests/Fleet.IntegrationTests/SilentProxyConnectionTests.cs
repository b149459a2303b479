using System.Security.Cryptography.X509Certificates;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>The same behind a load balancer: sockets that never say who they are, and clients of one address that say nothing after that.</summary>
public sealed class SilentProxyConnectionTests : IAsyncLifetime
{
    private const int Times = 8, Slots = 200, Flood = 300;

    private FleetService _fleet = null!;
    private X509Certificate2 _device = null!;

    public async ValueTask InitializeAsync()
    {
        string folder = Directory.CreateTempSubdirectory("fleet-test-").FullName;
        await using (var direct = await FleetService.Start($"Fleet:DataDirectory={folder}/data"))
            _device = await WireDevice.Enrol(direct, await direct.NewClaimFile(), "amr-1");
        _fleet = await FleetService.StartIn(
            folder, "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:ConnectRate=100000", "Fleet:Gateway:FlappingLimit=0",
            "Fleet:Gateway:ProxyProtocol=true", "Fleet:Gateway:ProxyHeaderTimeoutSeconds=120", "Fleet:Gateway:HandshakeTimeoutSeconds=120",
            "Fleet:Gateway:ConnectTimeoutSeconds=120", $"Fleet:Gateway:MaxAwaitingProxyHeader={Slots}",
            $"Fleet:Gateway:MaxOpeningConnections={Slots}", $"Fleet:Gateway:MaxAwaitingConnect={Slots}");
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Theory(DisplayName = "without a PROXY header"), InlineData(1), InlineData(Flood)]
    public async Task Before_the_header(int addresses)
    {
        await using var silent = await SilentClients.Open(_fleet.MqttsPort, Flood, addresses);
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenMore(10);
            await OwnAddress.ConnectTls(_fleet, _device, "amr-1", header: "PROXY TCP4 192.0.2.7 198.51.100.1 56324 8883\r\n");
        }
    }

    [Fact(DisplayName = "with a PROXY header, and nothing after it: the balancer is not the one to be cut")]
    public async Task After_the_header()
    {
        await using var silent = await SilentClients.Open(_fleet.MqttsPort, Flood, addresses: 1, "PROXY TCP4 203.0.113.9 198.51.100.1 56324 8883\r\n");
        for (int i = 0; i < Times; i++)
        {
            await silent.OpenMore(10);
            // At the balancer's address too.
            await OwnAddress.ConnectTls(
                _fleet, _device, "amr-1", SilentClients.First, "PROXY TCP4 192.0.2.7 198.51.100.1 56324 8883\r\n");
        }
    }
}
