using System.Globalization;

namespace Fleet.Silo.Storage;

/// <summary>Instants as the database holds them: RFC 3339 in UTC to the tenth of a microsecond, so that their order as text is their order in time.</summary>
internal static class SqlTime
{
    private const string Pattern = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    public static string Format(DateTimeOffset at) => at.UtcDateTime.ToString(Pattern, CultureInfo.InvariantCulture);

    public static string? Format(DateTimeOffset? at) => at is { } instant ? Format(instant) : null;

    public static DateTimeOffset Parse(string text) =>
        DateTimeOffset.ParseExact(text, Pattern, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
}
