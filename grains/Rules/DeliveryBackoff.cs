using Fleet.Interfaces;

namespace Fleet.Grains.Rules;

/// <summary>
/// How long to wait after failures that follow each other: a second, doubled each time up to five minutes, half of it by chance.
/// </summary>
internal static class DeliveryBackoff
{
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <summary>Longest that an answer may ask for with Retry-After.</summary>
    public static readonly TimeSpan LongestAskedFor = TimeSpan.FromHours(1);

    private static readonly Backoff Pauses = new(TimeSpan.FromSeconds(1), Longest);

    /// <param name="failures">In a row; from 1.</param>
    /// <param name="jitter">0 to 1: spreads those that failed together, so that they do not come back together.</param>
    public static TimeSpan After(int failures, double jitter, TimeSpan? retryAfter = null)
    {
        var wait = Pauses.After(failures) * (0.5 + (jitter / 2));
        if (retryAfter is not { } asked) return wait;
        if (asked > LongestAskedFor) asked = LongestAskedFor;
        // Later than asked for, by the same chance: the receiver has told all the others the same.
        return asked > wait ? asked + (Pauses.First * jitter) : wait;
    }
}
