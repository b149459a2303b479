namespace Fleet.Interfaces.Telemetry;

/// <summary>What happens again and again is said once a minute. For any number of threads.</summary>
public sealed class OncePerMinute(TimeProvider time)
{
    private long _until = long.MinValue;

    /// <summary>True for the one caller that is to say it.</summary>
    public bool IsDue()
    {
        long now = time.GetTimestamp(), until = Volatile.Read(ref _until);
        return now >= until && Interlocked.CompareExchange(ref _until, now + (60 * time.TimestampFrequency), until) == until;
    }
}
