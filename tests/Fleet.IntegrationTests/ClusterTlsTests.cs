using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Fleet.IntegrationTests.Support;
using Fleet.Silo.Pki;

namespace Fleet.IntegrationTests;

/// <summary>The ports of a silo in a cluster: who has no certificate of the cluster gets nothing there, and the fleet goes on.</summary>
public sealed class ClusterTlsTests
{
    [Fact]
    public async Task Only_the_cluster_s_own_certificate_opens_a_silo_s_ports()
    {
        using var database = new PostgresTestDatabase();
        var (siloPort, gatewayPort) = (FreePort(), FreePort());
        await using var fleet = await FleetService.StartCluster(
            database, $"Fleet:Cluster:SiloPort={siloPort}", $"Fleet:Cluster:GatewayPort={gatewayPort}");
        using var ca = X509CertificateLoader.LoadCertificateFromFile(fleet.CaCertificateFile);
        using var claim = await Claim(fleet);
        using var server = X509Certificate2.CreateFromPemFile(Path.Combine(Path.GetDirectoryName(fleet.CaCertificateFile)!, "server.key"));
        foreach (int port in (int[])[siloPort, gatewayPort])
        {
            await IsShutOut(port, null, ca);
            await IsShutOut(port, claim, ca);
            await IsShutOut(port, server, ca);
        }
        // A gateway listens once a silo has let it in.
        await using var gateway = await FleetProcess.Start(["Fleet:Role=gateway", .. fleet.ForOthers]);
        Assert.Equal(0, await fleet.CountDevices("model:amr"));
    }

    [Fact]
    public async Task A_process_that_is_alone_opens_no_port_for_silos()
    {
        await using var fleet = await FleetService.Start("Fleet:Cluster:SiloPort=0", "Fleet:Cluster:GatewayPort=0");
        int[] announced = [fleet.Http.Port, fleet.MqttsPort, fleet.Metrics.Port];
        Assert.Equal(announced.Order(), ListeningPortsOf(fleet.ProcessId).Order());
    }

    /// <summary>In TLS 1.3 the client's handshake is done before the server has seen its certificate: the refusal is what it reads.</summary>
    private static async Task IsShutOut(int port, X509Certificate2? certificate, X509Certificate2 ca)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, port, patience.Token);
        await using var tls = new SslStream(tcp.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = ClusterIdentity.Name,
                ClientCertificates = certificate is null ? [] : [certificate],
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { ca }, RevocationMode = X509RevocationMode.NoCheck,
                },
            }, patience.Token);
            Assert.Equal(0, await tls.ReadAsync(new byte[1], patience.Token));
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            // Shut out, and told so.
        }
    }

    private static async Task<X509Certificate2> Claim(FleetService fleet)
    {
        var claim = System.Text.Json.Nodes.JsonNode.Parse(await File.ReadAllTextAsync(await fleet.NewClaimFile()))!;
        return X509Certificate2.CreateFromPem((string)claim["certificatePem"]!, (string)claim["privateKey"]!);
    }

    /// <summary>From /proc: TCP sockets in the state LISTEN (0A) whose inode the process holds.</summary>
    private static IEnumerable<int> ListeningPortsOf(int process)
    {
        var inodes = Directory.EnumerateFiles($"/proc/{process}/fd").Select(fd => new FileInfo(fd).LinkTarget)
            .Where(target => target?.StartsWith("socket:[", StringComparison.Ordinal) == true).Select(target => target![8..^1]).ToHashSet();
        return from table in (string[])["/proc/net/tcp", "/proc/net/tcp6"]
               from line in File.ReadLines(table).Skip(1)
               let fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
               where fields[3] == "0A" && inodes.Contains(fields[9])
               select Convert.ToInt32(fields[1].Split(':')[1], 16);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
