using System.Globalization;
using System.Text;

namespace Fleet.Silo.Telemetry;

/// <summary>
/// Writes families in the Prometheus text format 0.0.4, or in OpenMetrics 1.0.0. They differ in a counter's family name (OpenMetrics leaves
/// _total to the sample), in the UNIT line, in how a bucket's bound is spelt, and in the end mark.
/// </summary>
internal sealed class PrometheusText(bool openMetrics)
{
    public const string TextContentType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private const string Total = "_total";

    private readonly StringBuilder _text = new();

    public PrometheusText Write(PrometheusFamily family)
    {
        string name = openMetrics && family.Type == PrometheusType.Counter && family.Name.EndsWith(Total, StringComparison.Ordinal)
            ? family.Name[..^Total.Length]
            : family.Name;
        _text.Append("# TYPE ").Append(name).Append(' ').Append(TypeOf(family.Type)).Append('\n');
        if (openMetrics && family.Unit is not null) _text.Append("# UNIT ").Append(name).Append(' ').Append(family.Unit).Append('\n');
        if (family.Help.Length > 0) _text.Append("# HELP ").Append(name).Append(' ').Append(EscapeHelp(family.Help)).Append('\n');
        foreach (var sample in family.Samples) Sample(family.Name, "", sample.Labels, null, sample.Value);
        foreach (var histogram in family.Histograms) Write(family.Name, histogram);
        return this;
    }

    public string End() => openMetrics ? _text.Append("# EOF\n").ToString() : _text.ToString();

    private void Write(string name, PrometheusHistogram histogram)
    {
        foreach (var (bound, count) in histogram.Buckets) Sample(name, "_bucket", histogram.Labels, Bound(bound), count);
        Sample(name, "_sum", histogram.Labels, null, histogram.Sum);
        Sample(name, "_count", histogram.Labels, null, histogram.Count);
    }

    private void Sample(string name, string suffix, IReadOnlyList<KeyValuePair<string, string>> labels, string? bound, double value)
    {
        _text.Append(name).Append(suffix);
        if (labels.Count > 0 || bound is not null)
        {
            char separator = '{';
            foreach (var (label, text) in labels)
            {
                _text.Append(separator).Append(label).Append("=\"").Append(EscapeLabel(text)).Append('"');
                separator = ',';
            }
            if (bound is not null) _text.Append(separator).Append("le=\"").Append(bound).Append('"');
            _text.Append('}');
        }
        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string TypeOf(PrometheusType type) => type switch
    {
        PrometheusType.Counter => "counter",
        PrometheusType.Gauge => "gauge",
        _ => "histogram",
    };

    /// <summary>OpenMetrics wants the canonical float, "1.0"; the older format has always had "1".</summary>
    private string Bound(double bound) => Number(bound) is var text && openMetrics && text.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0 ? $"{text}.0" : text;

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string EscapeLabel(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private string EscapeHelp(string help) => openMetrics
        ? EscapeLabel(help)
        : help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
