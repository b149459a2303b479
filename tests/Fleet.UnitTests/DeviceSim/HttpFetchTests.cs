using System.Net;
using System.Net.Http.Headers;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>Downloads by signed URL: ranges, resume, and links that are no longer honoured.</summary>
public sealed class HttpFetchTests
{
    private static readonly Firmware Next = Firmware.Of("1.1.0", bytes: 200_000) with { Protocols = ["HTTP"], Url = "http://localhost/files/x?signature=1" };

    [Fact]
    public async Task A_download_that_breaks_off_goes_on_where_it_was()
    {
        var server = new FileServer(Next.Image) { BreakAfterBytes = 70_000 };
        await using var rig = await Updating(server, Next);
        await rig.Cloud.Hears("SUCCEEDED");
        Assert.Equal(["0-199999", "69632-199999"], server.Ranges);
        Assert.Equal(0, rig.Cloud.BlocksSent);
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_whole_file()
    {
        var server = new FileServer(Next.Image) { BreakAfterBytes = 70_000, KnowsRanges = false };
        await using var rig = await Updating(server, Next);
        await rig.Cloud.Hears("SUCCEEDED");
    }

    [Fact]
    public async Task A_link_that_stays_refused_fails_the_update()
    {
        var server = new FileServer(Next.Image) { Refuses = true };
        await using var rig = await Updating(server, Next);
        await rig.Cloud.Hears("FAILED: the download answered 403");
        Assert.Equal(3, server.Ranges.Count);
    }

    [Fact]
    public async Task Where_both_ways_are_offered_the_device_chooses()
    {
        var both = Next with { Protocols = ["MQTT", "HTTP"] };
        var server = new FileServer(both.Image);
        await using var byStream = await Updating(server, both);
        await byStream.Cloud.Hears("SUCCEEDED");
        Assert.Empty(server.Ranges);
        await using var byHttp = await Updating(server, both, prefersHttp: true);
        await byHttp.Cloud.Hears("SUCCEEDED");
        Assert.Single(server.Ranges);
    }

    private static async Task<DeviceRig> Updating(FileServer server, Firmware firmware, bool prefersHttp = false)
    {
        var rig = new DeviceRig { Http = new HttpClient(server), Options = DeviceRig.Quick with { PrefersHttp = prefersHttp, BlockTimeout = TimeSpan.FromSeconds(5) } };
        rig.PowerOn();
        await rig.Cloud.Hears("heartbeat");
        rig.Cloud.Offer(firmware);
        return rig;
    }

    private sealed class FileServer(byte[] file) : HttpMessageHandler
    {
        /// <summary>The first response ends here; 0 for never.</summary>
        public int BreakAfterBytes { get; set; }
        public bool KnowsRanges { get; init; } = true;
        public bool Refuses { get; init; }
        public List<string> Ranges { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var range = request.Headers.Range!.Ranges.Single();
            Ranges.Add($"{range.From}-{range.To}");
            if (Refuses) return Task.FromResult(new HttpResponseMessage(HttpStatusCode.Forbidden));
            int from = KnowsRanges ? (int)range.From! : 0, to = KnowsRanges ? (int)range.To! : file.Length - 1;
            int end = BreakAfterBytes > 0 ? Math.Min(to + 1, from + BreakAfterBytes) : to + 1;
            BreakAfterBytes = 0;
            var response = new HttpResponseMessage(KnowsRanges ? HttpStatusCode.PartialContent : HttpStatusCode.OK) { Content = new ByteArrayContent(file, from, end - from) };
            if (KnowsRanges) response.Content.Headers.ContentRange = new ContentRangeHeaderValue(from, to, file.Length);
            return Task.FromResult(response);
        }
    }
}
