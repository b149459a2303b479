using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>Signed URLs: good for one device, one file and a time, whole or in ranges.</summary>
public sealed class DownloadTests : IAsyncLifetime
{
    private HttpClient _http = null!;
    private FleetService _fleet = null!;
    private WireDevice _device = null!;

    public async ValueTask InitializeAsync()
    {
        _http = new HttpClient();
        _fleet = await FleetService.Start();
        _device = await WireDevice.New(_fleet, "amr-1");
    }

    public async ValueTask DisposeAsync()
    {
        await _device.DisposeAsync();
        await _fleet.DisposeAsync();
        _http.Dispose();
    }

    [Fact]
    public async Task The_file_comes_whole_and_in_ranges()
    {
        var (url, digest, size) = await Offered();
        byte[] whole = await _http.GetByteArrayAsync(url);
        Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(whole)));
        using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(100, 199) } };
        using var part = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal($"bytes 100-199/{size}", part.Content.Headers.ContentRange?.ToString());
        Assert.Equal(whole[100..200], await part.Content.ReadAsByteArrayAsync());
        using var beyond = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(size, null) } };
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, (await _http.SendAsync(beyond)).StatusCode);
    }

    [Theory, InlineData("signature"), InlineData("expires"), InlineData("thing")]
    public async Task A_url_that_was_changed_is_refused(string part)
    {
        var (url, _, _) = await Offered();
        string changed = part switch
        {
            "signature" => url[..^2] + (url.EndsWith("00", StringComparison.Ordinal) ? "11" : "00"),
            "expires" => url.Replace("expires=", "expires=9", StringComparison.Ordinal),
            _ => url.Replace("amr-1", "amr-2", StringComparison.Ordinal),
        };
        using var response = await _http.GetAsync(changed);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task The_url_stays_the_same_while_the_execution_does_and_dies_with_it()
    {
        var (url, _, _) = await Offered();
        var execution = (await _device.Ask("$aws/things/amr-1/jobs/start-next", new JsonObject()))["execution"]!;
        Assert.Equal(url, Url(execution));
        await _device.Ask($"$aws/things/amr-1/jobs/{execution["jobId"]}/update", JsonNode.Parse("""{"status":"FAILED"}""")!);
        Assert.Equal(HttpStatusCode.Forbidden, (await _http.GetAsync(url)).StatusCode);
    }

    private async Task<(string Url, string Sha256, long Size)> Offered()
    {
        await _fleet.Publish("amr", "1.1.0", size: "2MiB");
        await _fleet.StartRollout(Rollouts.Request("amr", "1.1.0"));
        JsonNode? execution = null;
        await Eventually.True(
            async () => (execution = (await _device.Ask("$aws/things/amr-1/jobs/$next/get", new JsonObject()))["execution"]) is not null,
            () => "no job was offered");
        var document = execution!["jobDocument"]!;
        return (Url(execution), (string)document["fleet"]!["sha256"]!, (long)document["afr_ota"]!["files"]![0]!["filesize"]!);
    }

    private static string Url(JsonNode execution) => (string)execution["jobDocument"]!["afr_ota"]!["files"]![0]!["update_data_url"]!;
}
