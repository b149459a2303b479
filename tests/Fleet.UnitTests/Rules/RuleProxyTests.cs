using System.Net;
using System.Net.Sockets;
using System.Text;
using Fleet.Grains.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>Requests go where the rule says, or through the proxy of the settings; the environment has no say.</summary>
public sealed class RuleProxyTests
{
    private static readonly Uri Target = new("http://ingest.example.com/t");

    [Fact]
    public void Without_the_setting_there_is_no_proxy()
    {
        using var handler = RuleServices.NewHandler(new RuleOptions());
        Assert.False(handler.UseProxy);
    }

    [Fact]
    public async Task With_the_setting_requests_go_through_it()
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var options = new RuleOptions { Proxy = new Uri($"http://{proxy.LocalEndpoint}") };
        using var http = new HttpMessageInvoker(RuleServices.NewHandler(options));
        var sent = http.SendAsync(new HttpRequestMessage(HttpMethod.Post, Target), default);
        using var connection = await proxy.AcceptTcpClientAsync();
        await using var stream = connection.GetStream();
        using var reader = new StreamReader(stream, leaveOpen: true);
        Assert.Equal($"POST {Target} HTTP/1.1", await reader.ReadLineAsync());
        await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 204 No Content\r\n\r\n"));
        Assert.Equal(HttpStatusCode.NoContent, (await sent.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System)).StatusCode);
    }
}
