namespace Fleet.Silo.Telemetry;

internal enum PrometheusType { Counter, Gauge, Histogram }

/// <summary>All series of one name.</summary>
/// <param name="Name">As in the text format: a counter's ends in _total.</param>
/// <param name="Unit">seconds, bytes…; null for none.</param>
internal sealed record PrometheusFamily(string Name, PrometheusType Type, string Help, string? Unit)
{
    public List<PrometheusSample> Samples { get; } = [];

    public List<PrometheusHistogram> Histograms { get; } = [];
}

/// <param name="Labels">Names are valid and differ; values are any text.</param>
internal readonly record struct PrometheusSample(IReadOnlyList<KeyValuePair<string, string>> Labels, double Value);

/// <param name="Buckets">Upper bounds, rising, the last one infinite, each with how many values are at or below it.</param>
internal sealed record PrometheusHistogram(
    IReadOnlyList<KeyValuePair<string, string>> Labels, IReadOnlyList<(double UpperBound, long Count)> Buckets, double Sum, long Count);
