using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;

namespace Fleet.UnitTests.Telemetry;

/// <summary>Instruments, through the SDK, to the page that a scraper reads.</summary>
public sealed class MetricsPageTests : IDisposable
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";
    private const string OpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

    private readonly MetricsPage _page = new();

    private enum Step { First, TheSecond }

    public void Dispose() => _page.Dispose();

    [Fact]
    public async Task Counters_gauges_and_histograms_of_the_host_are_on_the_page()
    {
        var meter = _page.Meters.Create("Fleet.Test");
        var counter = meter.CreateCounter<long>("fleet.test.sent", "By");
        counter.Add(3, new KeyValuePair<string, object?>("error.type", "a\"b"));
        counter.Add(4, new KeyValuePair<string, object?>("error.type", "a\"b"));
        meter.CreateObservableGauge("fleet.test.devices", () => 7, "{device}");
        meter.CreateUpDownCounter<int>("fleet.test.open").Add(-2);
        meter.CreateHistogram<double>("fleet.test.wait", "s").Record(0.004);
        var series = await _page.Series();
        Assert.Equal(7, series["fleet_test_sent_bytes_total{error_type=\"a\\\"b\"}"]);
        Assert.Equal(7, series["fleet_test_devices{}"]);
        Assert.Equal(-2, series["fleet_test_open{}"]);
        Assert.Equal(0, series["fleet_test_wait_seconds_bucket{le=\"0.0025\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_bucket{le=\"0.005\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_bucket{le=\"+Inf\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_count{}"]);
    }

    [Fact]
    public async Task A_scrape_right_after_another_one_shows_what_happened_between_them()
    {
        var counter = _page.Meters.Create("Fleet.Test").CreateCounter<long>("fleet.test.events");
        counter.Add(1);
        Assert.Equal(1, (await _page.Series())["fleet_test_events_total{}"]);
        counter.Add(1);
        Assert.Equal(2, (await _page.Series())["fleet_test_events_total{}"]);
    }

    [Fact]
    public async Task The_process_says_what_it_uses()
    {
        var series = await _page.Series();
        Assert.Contains(series.Keys, name => name.StartsWith("dotnet_process_cpu_time_seconds_total", StringComparison.Ordinal));
        Assert.True(series["dotnet_process_memory_working_set_bytes{}"] > 1_000_000);
        Assert.Contains(series.Keys, name => name.StartsWith("dotnet_gc_collections_total", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_host_in_the_process_is_not_seen()
    {
        using var other = new MetricsPage();
        other.Meters.Create("Fleet.Test").CreateCounter<long>("fleet.test.elsewhere").Add(1);
        Assert.Contains("elsewhere", (await other.Get("/metrics")).Body, StringComparison.Ordinal);
        Assert.DoesNotContain("elsewhere", (await _page.Get("/metrics")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counters_of_closed_series_are_on_the_page_before_anything_happened()
    {
        var meter = _page.Meters.Create("Fleet.Test");
        meter.CreateCounter<long>("fleet.test.quiet", "{event}", "Never yet.").StartedAtZero();
        meter.CreateCounter<long>("fleet.test.steps").StartedAtZero(ClosedSeries.TagsOf<Step>("step"));
        meter.CreateUpDownCounter<long>("fleet.test.open").StartedAtZero();
        string page = (await _page.Get("/metrics")).Body;
        Assert.Contains("# HELP fleet_test_quiet_total Never yet.\n", page, StringComparison.Ordinal);
        string[] expected =
        [
            "fleet_test_open{} 0", "fleet_test_quiet_total{} 0",
            "fleet_test_steps_total{step=\"first\"} 0", "fleet_test_steps_total{step=\"theSecond\"} 0",
        ];
        Assert.Equal(expected, page.Split('\n').Where(line => line.StartsWith("fleet_test_", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Orleans_instruments_get_help_and_buckets_that_fit_their_units()
    {
        var meter = _page.Meters.Create("Microsoft.Orleans");
        meter.CreateHistogram<double>("orleans-test-latency", "ms").Record(4);
        meter.CreateHistogram<int>("orleans-test-size", "bytes").Record(5_000);
        string page = (await _page.Get("/metrics")).Body;
        Assert.Contains("# HELP orleans_test_latency_milliseconds The instrument orleans-test-latency.\n", page, StringComparison.Ordinal);
        foreach (string bucket in (string[])["latency_milliseconds_bucket{le=\"2.5\"} 0", "latency_milliseconds_bucket{le=\"5\"} 1",
            "size_bytes_bucket{le=\"4096\"} 0", "size_bytes_bucket{le=\"16384\"} 1"])
            Assert.Contains($"orleans_test_{bucket}\n", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, Text)]
    [InlineData("*/*", Text)]
    [InlineData("text/html, image/png;q=0.5", Text)]
    [InlineData("application/openmetrics-text", OpenMetrics)]
    [InlineData("text/plain;q=0.4, application/openmetrics-text; version=1.0.0;q=0.5", OpenMetrics)]
    [InlineData("text/plain;q=0.5, application/openmetrics-text; version=1.0.0;q=0.4", Text)]
    [InlineData("application/openmetrics-text;q=0", Text)]
    // What Prometheus 2.42 sends.
    [InlineData(
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OpenMetrics)]
    public async Task The_scraper_chooses_the_format(string? accept, string contentType)
    {
        var (response, body) = await _page.Get("/metrics", accept);
        Assert.Equal((200, contentType), (response.StatusCode, response.ContentType));
        Assert.Equal(contentType == OpenMetrics, body.EndsWith("\n# EOF\n", StringComparison.Ordinal));
        Assert.Equal(contentType == OpenMetrics, body.Contains("# UNIT dotnet_process_cpu_time_seconds seconds\n", StringComparison.Ordinal));
        Assert.Contains("Accept", response.Headers.Vary.ToString().Split(','));
    }

    [Theory]
    [InlineData("GET", "/", 404), InlineData("GET", "/metrics/more", 404), InlineData("GET", "/api/v1/ca", 404)]
    [InlineData("POST", "/metrics", 405), InlineData("DELETE", "/readyz", 405), InlineData("HEAD", "/metrics", 200)]
    public async Task Nothing_else_is_on_the_port(string method, string path, int status) =>
        Assert.Equal(status, (await _page.Get(path, method: method)).Response.StatusCode);
}
