using System.Text.RegularExpressions;
using System.Xml;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>
/// ISO 8601 durations of weeks or days, hours, minutes and seconds. Months and years have no length of their own and are not taken.
/// </summary>
internal static partial class IsoDuration
{
    public const string Grammar = "an ISO 8601 duration of days, hours, minutes and seconds, such as P7D or PT1H30M";

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text.Length > 32 || Pattern().Match(text) is not { Success: true } match) return false;
        double seconds = (Number("w") * 7 + Number("d")) * 86400 + Number("h") * 3600 + Number("m") * 60 + Number("s");
        if (seconds > TimeSpan.MaxValue.TotalSeconds / 2) return false;
        duration = TimeSpan.FromSeconds(seconds);
        return true;

        double Number(string unit) => match.Groups[unit] is { Success: true } group ? double.Parse(group.ValueSpan) : 0;
    }

    public static string Format(TimeSpan duration) => XmlConvert.ToString(duration);

    [GeneratedRegex(
        @"^P(?=[0-9T])((?<w>[0-9]+)W)?((?<d>[0-9]+)D)?(T(?=[0-9])((?<h>[0-9]+)H)?((?<m>[0-9]+)M)?((?<s>[0-9]+(\.[0-9]+)?)S)?)?$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
