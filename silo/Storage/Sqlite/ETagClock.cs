namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Numbers the writes: microseconds since 1970, and always more than the last. A record that is deleted and made anew never meets an ETag
/// that somebody still holds.
/// </summary>
internal sealed class ETagClock(TimeProvider clock)
{
    private long _last;

    /// <summary>Called by the writer alone, between the beginning and the end of a commit.</summary>
    public long Next() => _last = Math.Max(_last + 1, (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
}
