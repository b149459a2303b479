using System.Text;

namespace Fleet.Silo.Telemetry;

/// <summary>
/// OpenTelemetry's names as Prometheus' (OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"): dots become underscores,
/// the unit and "total" become suffixes.
/// </summary>
internal static class PrometheusNames
{
    /// <param name="unit">In UCUM, as instruments carry it: s, By, {message}, By/s.</param>
    public static string OfMetric(string instrument, string? unit, bool isCounter)
    {
        var name = new StringBuilder(Sanitize(instrument, allowColon: true));
        if (isCounter) TrimSuffix(name, "_total");
        if (OfUnit(unit) is { } suffix && !EndsWith(name, $"_{suffix}")) name.Append('_').Append(suffix);
        if (isCounter) name.Append("_total");
        return name.ToString();
    }

    public static string OfLabel(string attribute) => Sanitize(attribute, allowColon: false);

    /// <summary>The unit's word; null for none: annotations in braces say what is counted, and that stands in the name already.</summary>
    public static string? OfUnit(string? unit)
    {
        if (string.IsNullOrEmpty(unit) || unit.Contains('{', StringComparison.Ordinal)) return null;
        return unit.Split('/') switch
        {
            [var one] => Word(one),
            [var one, var per] when Word(one) is { } word && PerWord(per) is { } perWord => $"{word}_per_{perWord}",
            _ => null,
        };
    }

    private static string? Word(string unit) => unit switch
    {
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "min" => "minutes",
        "h" => "hours",
        "d" => "days",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        _ => null,
    };

    private static string? PerWord(string unit) => unit switch
    {
        "s" => "second",
        "min" => "minute",
        "h" => "hour",
        "d" => "day",
        _ => null,
    };

    private static string Sanitize(string name, bool allowColon)
    {
        var result = new StringBuilder(name.Length + 1);
        foreach (char c in name)
        {
            bool valid = char.IsAsciiLetterOrDigit(c) || (c == ':' && allowColon);
            if (valid) result.Append(c);
            else if (result.Length == 0 || result[^1] != '_') result.Append('_');
        }
        if (result.Length == 0 || char.IsAsciiDigit(result[0])) result.Insert(0, '_');
        return result.ToString();
    }

    private static bool EndsWith(StringBuilder text, string suffix) =>
        text.Length >= suffix.Length && text.ToString(text.Length - suffix.Length, suffix.Length) == suffix;

    private static void TrimSuffix(StringBuilder text, string suffix)
    {
        if (EndsWith(text, suffix)) text.Length -= suffix.Length;
    }
}
