namespace Fleet.Grains.Rules;

/// <summary>
/// Keeps a rule from hammering a receiver that is down. After some failures in a row nothing is sent for a while, then one message to see;
/// each probe that fails makes the pause longer, and any answer that shows the receiver at work ends it.
/// </summary>
/// <param name="Failures">In a row.</param>
/// <param name="Pauses">In a row.</param>
/// <param name="PausedUntil">Null: it is closed, and all goes. In the past: it is time for a probe.</param>
internal sealed record Circuit(int Failures, int Pauses, DateTimeOffset? PausedUntil)
{
    /// <summary>Failures in a row after which it pauses. Below it a message that is itself the trouble stops no others.</summary>
    public const int Threshold = 5;

    public static readonly Circuit Closed = new(0, 0, null);

    public bool IsPaused(DateTimeOffset now) => PausedUntil > now;

    /// <summary>Attempts that may be under way.</summary>
    public int Allowed(int concurrency, DateTimeOffset now) => PausedUntil is not { } until ? concurrency : now < until ? 0 : 1;

    /// <param name="retryAfter">What the receiver asked for: it is for the rule as a whole, so it pauses at once.</param>
    public Circuit Fail(DateTimeOffset now, double jitter, TimeSpan? retryAfter)
    {
        // Those that were under way when the pause began say nothing new.
        if (IsPaused(now)) return this;
        if (retryAfter is null && PausedUntil is null && Failures + 1 < Threshold) return this with { Failures = Failures + 1 };
        return new(Failures + 1, Pauses + 1, now + DeliveryBackoff.After(Pauses + 1, jitter, retryAfter));
    }
}
