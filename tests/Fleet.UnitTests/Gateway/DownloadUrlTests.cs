using Fleet.Gateway.Downloads;
using Fleet.Gateway.Hosting;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

public sealed class DownloadUrlTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_url_is_good_until_its_end_and_always_the_same()
    {
        var urls = Urls(1);
        var query = Query(Sign(urls));
        Assert.Equal(Sign(urls), Sign(urls));
        Assert.Equal(DownloadUrlCheck.Valid, urls.Check("amr-1", "fw-1", 0, query["expires"], query["signature"], Noon));
        Assert.Equal(DownloadUrlCheck.Expired, urls.Check("amr-1", "fw-1", 0, query["expires"], query["signature"], Noon.AddHours(1).AddSeconds(1)));
    }

    [Fact]
    public void Whatever_is_changed_makes_it_invalid()
    {
        var urls = Urls(1);
        var query = Query(Sign(urls));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-2", "fw-1", 0, query["expires"], query["signature"], Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-1", "fw-2", 0, query["expires"], query["signature"], Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-1", "fw-1", 1, query["expires"], query["signature"], Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-1", "fw-1", 0, query["expires"] + "0", query["signature"], Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-1", "fw-1", 0, query["expires"], null, Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, urls.Check("amr-1", "fw-1", 0, query["expires"], "zz", Noon));
        Assert.Equal(DownloadUrlCheck.Invalid, Urls(2).Check("amr-1", "fw-1", 0, query["expires"], query["signature"], Noon));
    }

    private static string Sign(DownloadUrls urls)
    {
        Assert.True(ThingName.TryParse("amr-1", out var thing) & StreamId.TryParse("fw-1", out var stream));
        return urls.Sign(thing, stream, 0, Noon.AddHours(1));
    }

    private static Dictionary<string, string> Query(string url) =>
        new Uri(url).Query.TrimStart('?').Split('&').Select(p => p.Split('=')).ToDictionary(p => p[0], p => p[1]);

    private static DownloadUrls Urls(byte key) =>
        new(new FixedKey(key), new PublicAddress(Options.Create(new GatewayOptions { PublicUrl = new Uri("https://fleet.example") })));

    private sealed class FixedKey(byte value) : IDownloadKey
    {
        private readonly byte[] _key = [.. Enumerable.Repeat(value, 32)];

        public ReadOnlySpan<byte> Key => _key;
    }
}
