using System.Net;
using System.Text;
using Fleet.Gateway.Transport;

namespace Fleet.UnitTests.Gateway;

/// <summary>Headers as HAProxy's doc/proxy-protocol.txt gives them.</summary>
public sealed class ProxyHeaderTests
{
    private const string V2 = "0D0A0D0A000D0A515549540A";

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 56324 8883\r\n", "192.0.2.7:56324")]
    [InlineData("PROXY TCP6 2001:db8::7 2001:db8::1 56324 8883\r\n", "[2001:db8::7]:56324")]
    [InlineData("PROXY UNKNOWN\r\n", null)]
    [InlineData("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", null)]
    public void Version_1(string header, string? source) => AssertComplete(Encoding.ASCII.GetBytes(header), source);

    [Theory]
    [InlineData(V2 + "2111000C" + "C0000207" + "C6336401" + "DC0422B3", "192.0.2.7:56324")]
    [InlineData(V2 + "21210024" + "20010DB8000000000000000000000007" + "20010DB8000000000000000000000001" + "DC0422B3", "[2001:db8::7]:56324")]
    [InlineData(V2 + "21110013" + "C0000207" + "C6336401" + "DC0422B3" + "03000411223344", "192.0.2.7:56324")]   // With an extension.
    [InlineData(V2 + "20000000", null)]             // LOCAL: a health check.
    [InlineData(V2 + "2011000C" + "C0000207" + "C6336401" + "DC0422B3", null)]   // LOCAL: addresses are to be ignored.
    [InlineData(V2 + "21000000", null)]             // UNSPEC.
    public void Version_2(string hex, string? source) => AssertComplete(Convert.FromHexString(hex), source);

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 70000 8883\r\n")]
    [InlineData("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n")]
    [InlineData("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n")]
    public void Malformed_version_1(string header) => Assert.IsType<ProxyHeader.Malformed>(ProxyHeader.Read(Encoding.ASCII.GetBytes(header)));

    [Fact]
    public void A_version_1_line_without_end_is_not_read_for_ever() =>
        Assert.IsType<ProxyHeader.Malformed>(ProxyHeader.Read(Encoding.ASCII.GetBytes("PROXY TCP4 " + new string('1', 200))));

    [Theory]
    [InlineData(V2 + "3111000C")]     // Version 3.
    [InlineData(V2 + "2211000C")]     // Command 2.
    [InlineData(V2 + "21110008" + "C0000207C6336401")]   // Too short for its family.
    [InlineData(V2 + "2111FFFF")]     // Over the limit, said before it is waited for.
    [InlineData("101600044D51545405")]   // MQTT.
    [InlineData("16030100")]          // TLS.
    public void Malformed_version_2(string hex) => Assert.IsType<ProxyHeader.Malformed>(ProxyHeader.Read(Convert.FromHexString(hex)));

    private static void AssertComplete(byte[] bytes, string? source)
    {
        for (int i = 0; i < bytes.Length; i++) Assert.IsType<ProxyHeader.Incomplete>(ProxyHeader.Read(bytes.AsSpan(0, i)));
        byte[] andMore = [.. bytes, .. "rest"u8];
        Assert.Equal(new ProxyHeader.Complete(bytes.Length, source is null ? null : IPEndPoint.Parse(source)), ProxyHeader.Read(andMore));
    }
}
