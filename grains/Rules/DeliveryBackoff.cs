namespace Fleet.Grains.Rules;

/// <summary>
/// How long to wait after failures that follow each other: a second, doubled each time up to five minutes, half of it by chance.
/// </summary>
internal static class Backoff
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <summary>Longest that an answer may ask for with Retry-After.</summary>
    public static readonly TimeSpan LongestAskedFor = TimeSpan.FromHours(1);

    /// <param name="failures">In a row; from 1.</param>
    /// <param name="jitter">0 to 1: spreads those that failed together, so that they do not come back together.</param>
    public static TimeSpan After(int failures, double jitter, TimeSpan? retryAfter = null)
    {
        var wait = TimeSpan.FromTicks(Math.Min(Longest.Ticks, First.Ticks << Math.Min(failures - 1, 20)));
        wait *= 0.5 + (jitter / 2);
        if (retryAfter is not { } asked) return wait;
        if (asked > LongestAskedFor) asked = LongestAskedFor;
        // Later than asked for, by the same chance: the receiver has told all the others the same.
        return asked > wait ? asked + (First * jitter) : wait;
    }
}
