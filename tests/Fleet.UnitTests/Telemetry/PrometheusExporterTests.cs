using System.Diagnostics.Metrics;
using Fleet.Silo.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Telemetry;

/// <summary>Instruments, through the SDK, to the page that a scraper reads.</summary>
public sealed class PrometheusExporterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly PrometheusExporter _exporter = new(NullLogger<PrometheusExporter>.Instance);
    private readonly IMeterFactory _meters;
    private readonly FleetTelemetry _telemetry;

    public PrometheusExporterTests()
    {
        _meters = _services.GetRequiredService<IMeterFactory>();
        _telemetry = new FleetTelemetry(_exporter, _meters, new ConfigurationBuilder().Build());
    }

    public void Dispose()
    {
        _telemetry.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Counters_gauges_and_histograms_of_the_host_are_on_the_page()
    {
        var meter = _meters.Create("Fleet.Test");
        var counter = meter.CreateCounter<long>("fleet.test.sent", "By");
        counter.Add(3, new KeyValuePair<string, object?>("error.type", "a\"b"));
        counter.Add(4, new KeyValuePair<string, object?>("error.type", "a\"b"));
        meter.CreateObservableGauge("fleet.test.devices", () => 7, "{device}");
        meter.CreateUpDownCounter<int>("fleet.test.open").Add(-2);
        meter.CreateHistogram<double>("fleet.test.wait", "s").Record(0.004);
        var series = ExpositionParser.Parse(_exporter.Scrape(openMetrics: false));
        Assert.Equal(7, series["fleet_test_sent_bytes_total{error_type=\"a\\\"b\"}"]);
        Assert.Equal(7, series["fleet_test_devices"]);
        Assert.Equal(-2, series["fleet_test_open"]);
        Assert.Equal(0, series["fleet_test_wait_seconds_bucket{le=\"0.0025\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_bucket{le=\"0.005\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_bucket{le=\"+Inf\"}"]);
        Assert.Equal(1, series["fleet_test_wait_seconds_count"]);
    }

    [Fact]
    public void The_process_says_what_it_uses()
    {
        var series = ExpositionParser.Parse(_exporter.Scrape(openMetrics: false));
        Assert.Contains(series.Keys, name => name.StartsWith("dotnet_process_cpu_time_seconds_total", StringComparison.Ordinal));
        Assert.True(series["dotnet_process_memory_working_set_bytes"] > 1_000_000);
        Assert.Contains(series.Keys, name => name.StartsWith("dotnet_gc_collections_total", StringComparison.Ordinal));
    }

    [Fact]
    public void Another_host_in_the_process_is_not_seen()
    {
        using var other = new ServiceCollection().AddMetrics().BuildServiceProvider();
        other.GetRequiredService<IMeterFactory>().Create("Fleet.Test").CreateCounter<long>("fleet.test.elsewhere").Add(1);
        Assert.DoesNotContain("elsewhere", _exporter.Scrape(openMetrics: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Meters_that_share_a_name_make_one_family_and_one_of_another_type_is_left_out()
    {
        _meters.Create("Fleet.A").CreateCounter<long>("fleet.test.shared").Add(1, new KeyValuePair<string, object?>("side", "a"));
        _meters.Create("Fleet.B").CreateCounter<long>("fleet.test.shared").Add(2, new KeyValuePair<string, object?>("side", "b"));
        _meters.Create("Fleet.C").CreateObservableGauge("fleet.test.shared.total", () => 3);
        var series = ExpositionParser.Parse(_exporter.Scrape(openMetrics: false));
        Assert.Equal(3, series["fleet_test_shared_total{side=\"a\"}"] + series["fleet_test_shared_total{side=\"b\"}"]);
        Assert.False(series.ContainsKey("fleet_test_shared_total"));
    }

    [Fact]
    public void An_instrument_that_has_measured_nothing_is_on_the_page_with_its_type()
    {
        _meters.Create("Fleet.Test").CreateCounter<long>("fleet.test.quiet", "{event}", "Never yet.");
        string page = _exporter.Scrape(openMetrics: false);
        Assert.Contains("# TYPE fleet_test_quiet_total counter\n# HELP fleet_test_quiet_total Never yet.\n", page, StringComparison.Ordinal);
        Assert.DoesNotContain(ExpositionParser.Parse(page).Keys, name => name.StartsWith("fleet_test_quiet", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenMetrics_ends_with_its_mark()
    {
        string page = _exporter.Scrape(openMetrics: true);
        Assert.EndsWith("\n# EOF\n", page, StringComparison.Ordinal);
        Assert.Contains("# TYPE dotnet_process_cpu_time_seconds counter\n# UNIT dotnet_process_cpu_time_seconds seconds\n", page, StringComparison.Ordinal);
    }
}
