using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Fleet.Silo.Telemetry;

/// <summary>The OpenTelemetry SDK's metrics as Prometheus text, collected when somebody asks.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter(ILogger<PrometheusExporter> log) : BaseExporter<Metric>, IPullMetricExporter
{
    private readonly Lock _oneAtATime = new();
    private readonly HashSet<string> _clashes = [];
    private readonly ConcurrentDictionary<string, (PrometheusType Type, string Help, string? Unit)> _announced = [];
    private SortedDictionary<string, PrometheusFamily> _families = new(StringComparer.Ordinal);

    /// <summary>Set by the reader that this exporter belongs to.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>
    /// Puts an instrument on the page before it has measured anything: who writes a dashboard or an alert sees what there is, and that it is quiet.
    /// </summary>
    public void Announce(Instrument instrument)
    {
        if (TypeOf(instrument) is not { } type) return;
        string name = PrometheusNames.OfMetric(instrument.Name, instrument.Unit, type == PrometheusType.Counter);
        _announced.TryAdd(name, (type, instrument.Description ?? "", PrometheusNames.OfUnit(instrument.Unit)));
    }

    /// <exception cref="InvalidOperationException">The SDK could not collect.</exception>
    public string Scrape(bool openMetrics)
    {
        lock (_oneAtATime)
        {
            _families = new(StringComparer.Ordinal);
            foreach (var (name, (type, help, unit)) in _announced) _families.Add(name, new(name, type, help, unit));
            if (Collect?.Invoke(Timeout.Infinite) != true) throw new InvalidOperationException("The metrics could not be collected.");
            var text = new PrometheusText(openMetrics);
            text.Write(TargetInfo());
            foreach (var family in _families.Values) text.Write(family);
            return text.End();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (var metric in batch)
        {
            if (FamilyOf(metric) is { } family) Add(metric, family);
        }
        return ExportResult.Success;
    }

    private PrometheusFamily? FamilyOf(Metric metric)
    {
        PrometheusType? type = metric.MetricType switch
        {
            MetricType.LongSum or MetricType.DoubleSum => PrometheusType.Counter,
            MetricType.LongGauge or MetricType.DoubleGauge or MetricType.LongSumNonMonotonic or MetricType.DoubleSumNonMonotonic => PrometheusType.Gauge,
            MetricType.Histogram => PrometheusType.Histogram,
            _ => null,
        };
        if (type is not { } known) return null;
        string name = PrometheusNames.OfMetric(metric.Name, metric.Unit, known == PrometheusType.Counter);
        if (!_families.TryGetValue(name, out var family))
            _families.Add(name, family = new(name, known, metric.Description, PrometheusNames.OfUnit(metric.Unit)));
        if (family.Type == known) return family;
        // Two types under one name would make the whole page unreadable: the later one is left out, and said once.
        if (_clashes.Add(name)) TelemetryLog.NameClash(log, name, metric.MeterName, known.ToString());
        return null;
    }

    private static PrometheusType? TypeOf(Instrument instrument)
    {
        var kind = instrument.GetType().GetGenericTypeDefinition();
        if (kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>)) return PrometheusType.Counter;
        if (kind == typeof(Histogram<>)) return PrometheusType.Histogram;
        return kind == typeof(UpDownCounter<>) || kind == typeof(ObservableUpDownCounter<>) || kind == typeof(Gauge<>) || kind == typeof(ObservableGauge<>)
            ? PrometheusType.Gauge
            : null;
    }

    private static void Add(Metric metric, PrometheusFamily family)
    {
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = Labels(point.Tags);
            if (metric.MetricType == MetricType.Histogram) family.Histograms.Add(Histogram(point, labels));
            else family.Samples.Add(new(labels, Value(metric.MetricType, point)));
        }
    }

    private static double Value(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        _ => point.GetGaugeLastValueDouble(),
    };

    private static PrometheusHistogram Histogram(in MetricPoint point, IReadOnlyList<KeyValuePair<string, string>> labels)
    {
        List<(double, long)> buckets = [];
        long count = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            buckets.Add((bucket.ExplicitBound, count));
        }
        return new(labels, buckets, point.GetHistogramSum(), count);
    }

    private static List<KeyValuePair<string, string>> Labels(ReadOnlyTagCollection tags)
    {
        List<KeyValuePair<string, string>> labels = new(tags.Count);
        foreach (var (key, value) in tags)
        {
            string name = PrometheusNames.OfLabel(key);
            string text = value switch { bool b => b ? "true" : "false", null => "", _ => value.ToString()! };
            int same = labels.FindIndex(label => label.Key == name);
            // Attributes that differ in nothing but their punctuation share a label, as the specification has it.
            if (same >= 0) labels[same] = new(name, $"{labels[same].Value};{text}");
            else labels.Add(new(name, text));
        }
        return labels;
    }

    private PrometheusFamily TargetInfo()
    {
        var family = new PrometheusFamily("target_info", PrometheusType.Gauge, "What is measured here.", null);
        var attributes = ParentProvider.GetResource().Attributes;
        family.Samples.Add(new([.. attributes.Select(a => KeyValuePair.Create(PrometheusNames.OfLabel(a.Key), a.Value.ToString()!))], 1));
        return family;
    }
}
