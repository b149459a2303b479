using System.Net.Sockets;
using System.Text;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>Behind a load balancer: who a client is, its PROXY header says. The policy here lets each address see only its own topic.</summary>
public sealed class ProxyProtocolTests : IAsyncLifetime
{
    private const string OwnTopicOnly = """
        { "Version": "2012-10-17", "Statement": [
          { "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" },
          { "Effect": "Allow", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:*:*:topicfilter/from/${aws:SourceIp}" } ] }
        """;

    private static readonly byte[] Connect = Convert.FromHexString("100D00044D5154540402003C000170");

    private readonly string _policy = Path.GetTempFileName();
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(_policy, OwnTopicOnly);
        _fleet = await FleetService.Start("Fleet:Gateway:PlainPort=0", "Fleet:Gateway:ProxyProtocol=true", $"Fleet:Gateway:PlainPolicyPath={_policy}");
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        File.Delete(_policy);
    }

    public static TheoryData<string, byte[]> Headers => new()
    {
        { "192.0.2.7", "PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n"u8.ToArray() },
        { "2001:db8::7", Convert.FromHexString("0D0A0D0A000D0A515549540A" + "21210024" + "20010DB8000000000000000000000007" + "20010DB8000000000000000000000001" + "DC0422B3") },
        { "127.0.0.1", Convert.FromHexString("0D0A0D0A000D0A515549540A" + "20000000") },   // The balancer for itself.
    };

    [Theory, MemberData(nameof(Headers))]
    public async Task The_address_in_the_header_is_the_client_s(string address, byte[] header)
    {
        using var socket = await Open();
        // The header in two pieces, the second together with what follows it.
        await socket.SendAsync(header.AsMemory(0, 5));
        await socket.SendAsync((byte[])[.. header.AsSpan(5), .. Connect]);
        Assert.Equal("20020000", await Read(socket, 4));
        await socket.SendAsync(Subscribe($"from/{address}"));
        Assert.Equal("9003000100", await Read(socket, 5));
        await socket.SendAsync(Subscribe("from/198.51.100.1"));
        Assert.Equal("9003000180", await Read(socket, 5));
    }

    [Fact]
    public async Task A_connection_without_a_header_is_closed()
    {
        using var socket = await Open();
        await socket.SendAsync(Connect);
        Assert.Equal("", await Read(socket, 4));
    }

    private async Task<Socket> Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", _fleet.PlainPort);
        return socket;
    }

    private static byte[] Subscribe(string filter) => [0x82, (byte)(5 + filter.Length), 0, 1, 0, (byte)filter.Length, .. Encoding.UTF8.GetBytes(filter), 0];

    /// <returns>What came, in hex; less than asked for if the service has closed.</returns>
    private static async Task<string> Read(Socket socket, int count)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience);
        byte[] bytes = new byte[count];
        int at = 0;
        try
        {
            while (at < count && await socket.ReceiveAsync(bytes.AsMemory(at), patience.Token) is var read and > 0) at += read;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with bytes unread: the same to us.
        }
        return Convert.ToHexString(bytes, 0, at);
    }
}
