using Fleet.Gateway;
using Fleet.Gateway.Downloads;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

public sealed class DownloadUrlTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_url_is_good_until_its_end_and_always_the_same()
    {
        var urls = Urls(1);
        var request = Request(Sign(urls));
        Assert.Equal(Sign(urls), Sign(urls));
        Assert.True(urls.IsGenuine(request));
        Assert.False(DownloadUrls.IsExpired(request, Noon));
        Assert.True(DownloadUrls.IsExpired(request, Noon.AddHours(1)));
    }

    [Fact]
    public void Whatever_is_changed_makes_it_a_forgery()
    {
        var urls = Urls(1);
        var request = Request(Sign(urls));
        Assert.False(urls.IsGenuine(request with { Thing = "amr-2" }));
        Assert.False(urls.IsGenuine(request with { Stream = "fw-2" }));
        Assert.False(urls.IsGenuine(request with { FileId = "1" }));
        Assert.False(urls.IsGenuine(request with { Expires = request.Expires + "0" }));
        Assert.False(urls.IsGenuine(request with { Signature = "" }));
        Assert.False(Urls(2).IsGenuine(request));
    }

    private static string Sign(DownloadUrls urls)
    {
        Assert.True(ThingName.TryParse("amr-1", out var thing) & StreamId.TryParse("fw-1", out var stream));
        return urls.Sign(thing, stream, 0, Noon.AddHours(1));
    }

    private static DownloadRequest Request(string url)
    {
        var query = new Uri(url).Query.TrimStart('?').Split('&').Select(p => p.Split('=')).ToDictionary(p => p[0], p => p[1]);
        return new DownloadRequest("amr-1", "fw-1", "0", query["expires"], query["signature"]);
    }

    private static DownloadUrls Urls(byte key) => new(new FixedKey(key), new PublicAddress(
        Options.Create(new DownloadOptions { PublicUrl = new Uri("https://fleet.example") }), new GatewayListeners(),
        new ServiceCollection().BuildServiceProvider(), new ConfigurationBuilder().Build()));

    private sealed class FixedKey(byte value) : IDownloadKey
    {
        private readonly byte[] _key = [.. Enumerable.Repeat(value, 32)];

        public ReadOnlySpan<byte> Key => _key;
    }
}
