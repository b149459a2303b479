using Fleet.Silo.Telemetry;

namespace Fleet.UnitTests.Telemetry;

public sealed class PrometheusTextTests
{
    [Fact]
    public void The_text_format_whole() => Assert.Equal(
        """
        # TYPE mqtt_server_message_received_total counter
        # HELP mqtt_server_message_received_total Messages, "quoted"\nand \\ escaped.
        mqtt_server_message_received_total{mqtt_qos="0"} 12
        mqtt_server_message_received_total{mqtt_qos="1",note="a \"b\" \\ c\nd"} 3
        # TYPE fleet_devices gauge
        fleet_devices -1.5
        fleet_devices{connectivity="stale"} NaN
        # TYPE fleet_storage_commit_duration_seconds histogram
        # HELP fleet_storage_commit_duration_seconds Commits.
        fleet_storage_commit_duration_seconds_bucket{le="0.005"} 2
        fleet_storage_commit_duration_seconds_bucket{le="1"} 5
        fleet_storage_commit_duration_seconds_bucket{le="+Inf"} 6
        fleet_storage_commit_duration_seconds_sum 12.25
        fleet_storage_commit_duration_seconds_count 6

        """, Text(openMetrics: false), ignoreLineEndingDifferences: true);

    [Fact]
    public void OpenMetrics_whole() => Assert.Equal(
        """
        # TYPE mqtt_server_message_received counter
        # HELP mqtt_server_message_received Messages, \"quoted\"\nand \\ escaped.
        mqtt_server_message_received_total{mqtt_qos="0"} 12
        mqtt_server_message_received_total{mqtt_qos="1",note="a \"b\" \\ c\nd"} 3
        # TYPE fleet_devices gauge
        fleet_devices -1.5
        fleet_devices{connectivity="stale"} NaN
        # TYPE fleet_storage_commit_duration_seconds histogram
        # UNIT fleet_storage_commit_duration_seconds seconds
        # HELP fleet_storage_commit_duration_seconds Commits.
        fleet_storage_commit_duration_seconds_bucket{le="0.005"} 2
        fleet_storage_commit_duration_seconds_bucket{le="1.0"} 5
        fleet_storage_commit_duration_seconds_bucket{le="+Inf"} 6
        fleet_storage_commit_duration_seconds_sum 12.25
        fleet_storage_commit_duration_seconds_count 6
        # EOF

        """, Text(openMetrics: true), ignoreLineEndingDifferences: true);

    [Theory]
    [InlineData("mqtt.server.message.received", "{message}", true, "mqtt_server_message_received_total")]
    [InlineData("mqtt.server.ack.duration", "s", false, "mqtt_server_ack_duration_seconds")]
    [InlineData("fleet.blocks.sent", "By", true, "fleet_blocks_sent_bytes_total")]
    [InlineData("process.cpu.seconds.total", "s", true, "process_cpu_seconds_total")]
    [InlineData("network.rate", "By/s", false, "network_rate_bytes_per_second")]
    [InlineData("job.rate", "{job}/s", false, "job_rate")]
    [InlineData("2nd--try", null, false, "_2nd_try")]
    public void An_instrument_gets_the_name_that_the_specification_gives_it(string instrument, string? unit, bool counter, string name) =>
        Assert.Equal(name, PrometheusNames.OfMetric(instrument, unit, counter));

    private static string Text(bool openMetrics)
    {
        var counter = new PrometheusFamily("mqtt_server_message_received_total", PrometheusType.Counter, "Messages, \"quoted\"\nand \\ escaped.", null);
        counter.Samples.Add(new([new("mqtt_qos", "0")], 12));
        counter.Samples.Add(new([new("mqtt_qos", "1"), new("note", "a \"b\" \\ c\nd")], 3));
        var gauge = new PrometheusFamily("fleet_devices", PrometheusType.Gauge, "", null);
        gauge.Samples.Add(new([], -1.5));
        gauge.Samples.Add(new([new("connectivity", "stale")], double.NaN));
        var histogram = new PrometheusFamily("fleet_storage_commit_duration_seconds", PrometheusType.Histogram, "Commits.", "seconds");
        histogram.Histograms.Add(new([], [(0.005, 2), (1, 5), (double.PositiveInfinity, 6)], 12.25, 6));
        return new PrometheusText(openMetrics).Write(counter).Write(gauge).Write(histogram).End();
    }
}
