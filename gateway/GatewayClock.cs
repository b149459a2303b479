namespace Fleet.Gateway;

/// <summary>The gateway's only view of time, over <see cref="TimeProvider"/>.</summary>
internal sealed class GatewayClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    public TimeProvider Time => time;
    public long NowMs => (long)time.GetElapsedTime(_start).TotalMilliseconds;
    public DateTimeOffset UtcNow => time.GetUtcNow();

    /// <summary>What a point of the monotonic clock is called on the wall clock.</summary>
    public DateTimeOffset ToUtc(long ms) => UtcNow.AddMilliseconds(ms - NowMs);
}
