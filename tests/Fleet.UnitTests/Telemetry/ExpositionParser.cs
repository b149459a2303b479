using System.Globalization;
using System.Text.RegularExpressions;

namespace Fleet.UnitTests.Telemetry;

/// <summary>Reads the Prometheus text format 0.0.4 as strictly as its grammar allows, and throws at what a scraper would refuse.</summary>
internal static partial class ExpositionParser
{
    /// <returns>Values by series, written <c>name{label="value",…}</c>.</returns>
    public static Dictionary<string, double> Parse(string text)
    {
        if (!text.EndsWith('\n')) throw new FormatException("The last line has no end.");
        Dictionary<string, string> types = [];
        Dictionary<string, double> series = [];
        HashSet<string> closed = [];
        string? current = null;
        foreach (string line in text[..^1].Split('\n'))
        {
            if (Meta().Match(line) is { Success: true } meta)
            {
                if (meta.Groups["kind"].Value == "TYPE" && !types.TryAdd(meta.Groups["name"].Value, meta.Groups["rest"].Value))
                    throw new FormatException($"A second TYPE line: {line}");
                continue;
            }
            var sample = Sample().Match(line);
            if (!sample.Success) throw new FormatException($"Not a line of the format: '{line}'");
            string family = Family(sample.Groups["name"].Value, types);
            if (family != current && !closed.Add(family)) throw new FormatException($"The family {family} is in two pieces.");
            current = family;
            var labels = Label().Matches(sample.Groups["labels"].Value).Select(label => label.Groups["name"].Value).ToList();
            if (labels.Distinct().Count() != labels.Count) throw new FormatException($"A label twice: {line}");
            if (!series.TryAdd(line[..line.LastIndexOf(' ')], Number(sample.Groups["value"].Value))) throw new FormatException($"A series twice: {line}");
        }
        return series;
    }

    private static string Family(string name, Dictionary<string, string> types) =>
        ((string[])["_bucket", "_sum", "_count"])
            .Where(suffix => name.EndsWith(suffix, StringComparison.Ordinal))
            .Select(suffix => name[..^suffix.Length])
            .FirstOrDefault(stem => types.GetValueOrDefault(stem) == "histogram")
        ?? (types.ContainsKey(name) ? name : throw new FormatException($"{name} has no TYPE before it."));

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex("""^# (?<kind>TYPE|HELP) (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<rest>.*)$""")]
    private static partial Regex Meta();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*",?)*)\})? (?<value>[^ ]+)$""")]
    private static partial Regex Sample();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]|\\[\\n"])*",?""")]
    private static partial Regex Label();
}
