using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Fleet.IntegrationTests.Support;

/// <summary>Connections from one loopback address or many that say nothing, and are never closed from this side before the end.</summary>
internal sealed class SilentClients : IAsyncDisposable
{
    public static readonly IPAddress First = AddressOf(0);

    private readonly List<IDisposable> _connections = [];
    private readonly int _port, _addresses;
    private readonly byte[] _beginning;
    private int _opened;

    private SilentClients(int port, int addresses, string beginning) =>
        (_port, _addresses, _beginning) = (port, addresses, Encoding.ASCII.GetBytes(beginning));

    /// <param name="addresses">That they come from, in turn.</param>
    /// <param name="beginning">What they say before they fall silent.</param>
    public static async Task<SilentClients> Open(int port, int count, int addresses, string beginning = "")
    {
        var clients = new SilentClients(port, addresses, beginning);
        await clients.OpenMore(count);
        return clients;
    }

    public async Task OpenMore(int count)
    {
        for (int i = 0; i < count; i++) await Dial();
    }

    /// <summary>With TLS, as this device.</summary>
    public async Task OpenTls(int count, FleetService fleet, X509Certificate2 device)
    {
        for (int i = 0; i < count; i++)
        {
            var stream = new SslStream(new NetworkStream(await Dial()));
            _connections.Add(stream);
            try
            {
                await stream.AuthenticateAsClientAsync(OwnAddress.Tls(fleet, device));
            }
            catch (IOException)
            {
                // Closed already, as it may be.
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var connection in _connections) connection.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<Socket> Dial()
    {
        var socket = await OwnAddress.Dial(_port, AddressOf(_opened++ % _addresses));
        _connections.Add(socket);
        try
        {
            if (_beginning.Length > 0) await socket.SendAsync(_beginning);
        }
        catch (SocketException)
        {
            // Closed already, as it may be.
        }
        return socket;
    }

    private static IPAddress AddressOf(int number) => new([127, 1, (byte)(number >> 8), (byte)number]);
}

/// <summary>A client at an address of its own, who means well.</summary>
internal static class OwnAddress
{
    private static readonly IPAddress Own = new([127, 0, 0, 9]);

    public static async Task<NetworkStream> Dial(int port) => new(await Dial(port, Own), ownsSocket: true);

    public static async Task<Socket> Dial(int port, IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    /// <summary>Gets in as this device, or the test fails; then goes.</summary>
    /// <param name="header">Of the PROXY protocol.</param>
    public static async Task ConnectTls(
        FleetService fleet, X509Certificate2 device, string clientId, IPAddress? from = null, string header = "")
    {
        await using var tcp = new NetworkStream(await Dial(fleet.MqttsPort, from ?? Own), ownsSocket: true);
        await tcp.WriteAsync(Encoding.ASCII.GetBytes(header));
        await using var tls = new SslStream(tcp);
        await tls.AuthenticateAsClientAsync(Tls(fleet, device));
        await Connect(tls, clientId);
    }

    /// <summary>CONNECT, and CONNACK with success.</summary>
    public static async Task Connect(Stream stream, string clientId)
    {
        await stream.WriteAsync(HostileConnection.Connect(is5: false, clientId));
        using var patience = new CancellationTokenSource(Eventually.Patience);
        byte[] answer = new byte[4];
        await stream.ReadExactlyAsync(answer, patience.Token);
        Assert.Equal("20020000", Convert.ToHexString(answer));
    }

    public static HttpMessageInvoker Http() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, _) => await Dial(context.DnsEndPoint.Port),
    });

    public static SslClientAuthenticationOptions Tls(FleetService fleet, X509Certificate2 device)
    {
        var anchor = X509CertificateLoader.LoadCertificateFromFile(fleet.CaCertificateFile);
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(anchor);
        return new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ClientCertificateContext = SslStreamCertificateContext.Create(device, null, offline: true),
            CertificateChainPolicy = policy,
        };
    }
}
