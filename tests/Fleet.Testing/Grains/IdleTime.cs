namespace Fleet.Testing.Grains;

/// <summary>How long an activation has been idle, and for how long it may be. Guarded by the activation's lock.</summary>
internal sealed class IdleTime(TimeProvider time)
{
    private long _since = time.GetTimestamp();
    private DateTimeOffset _excusedUntil;

    public void Begin() => _since = time.GetTimestamp();

    /// <summary>Does not count for this long. Infinite: never again. Negative: from now on it counts.</summary>
    public void Excuse(TimeSpan length)
    {
        var now = time.GetUtcNow();
        bool isForEver = length == Timeout.InfiniteTimeSpan || length > DateTimeOffset.MaxValue - now;
        _excusedUntil = isForEver ? DateTimeOffset.MaxValue : length < TimeSpan.Zero ? DateTimeOffset.MinValue : now + length;
    }

    public bool HasLasted(TimeSpan age) => _excusedUntil <= time.GetUtcNow() && time.GetElapsedTime(_since) >= age;
}
