namespace Fleet.Gateway.Retained;

/// <summary>
/// Which change of a retained topic is the newest, when some are this gateway's own, shown before the store has given them a version, and
/// others come from elsewhere. Guarded by its owner's lock.
/// </summary>
internal sealed class RetainedVersions
{
    /// <summary>How long a removal is remembered, so that an older message that comes late does not bring the topic back.</summary>
    private const long RemovalKeptMs = 10 * 60_000;

    /// <summary>The last so many are remembered: what brings an older one back goes again when this gateway catches up.</summary>
    private const int MaxRemovals = 100_000;

    private readonly Dictionary<string, Writes> _writing = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _removed = new(StringComparer.Ordinal);
    private readonly Queue<(string Topic, long Version, long At)> _removals = [];
    private long _seen, _seenBefore;

    /// <summary>
    /// What came up to this version is known: it was the highest one a whole round ago, and a change that is committed later than a higher
    /// one is so by less than a round.
    /// </summary>
    public long CompleteUpTo { get; private set; }

    public void Advance(long now)
    {
        (CompleteUpTo, _seenBefore) = (_seenBefore, _seen);
        ForgetRemovals(now);
    }

    /// <summary>This gateway is about to write a topic.</summary>
    /// <param name="shown">What the topic had until now.</param>
    public void Begin(string topic, RetainedPublication? shown)
    {
        if (!_writing.TryGetValue(topic, out var writes))
        {
            long version = shown?.StoredVersion ?? _removed.GetValueOrDefault(topic);
            _writing.Add(topic, writes = new Writes { Best = shown, BestVersion = version });
        }
        writes.Count++;
    }

    /// <summary>A write of this gateway has ended.</summary>
    /// <param name="version">0 if it failed.</param>
    /// <returns>What is to be shown from now on; null: what is shown stays.</returns>
    public Winner? End(string topic, RetainedPublication? message, long version, long now)
    {
        var writes = _writing[topic];
        KeepNewer(topic, writes, message, version, now);
        if (--writes.Count > 0) return null;
        _writing.Remove(topic);
        return new Winner(writes.Best);
    }

    /// <summary>A change that is in the store.</summary>
    /// <param name="shownVersion">Of what the topic shows; 0 if it shows nothing.</param>
    /// <returns>Whether it is to be shown. While a write of this gateway's own is under way, that is decided when it ends.</returns>
    public bool Accepts(string topic, RetainedPublication? message, long version, long shownVersion, long now)
    {
        _seen = Math.Max(_seen, version);
        if (_writing.TryGetValue(topic, out var writes))
        {
            KeepNewer(topic, writes, message, version, now);
            return false;
        }
        if (version <= Math.Max(shownVersion, _removed.GetValueOrDefault(topic))) return false;
        Note(topic, message, version, now);
        return true;
    }

    private void KeepNewer(string topic, Writes writes, RetainedPublication? message, long version, long now)
    {
        _seen = Math.Max(_seen, version);
        if (version <= writes.BestVersion) return;
        (writes.Best, writes.BestVersion) = (message, version);
        Note(topic, message, version, now);
    }

    private void Note(string topic, RetainedPublication? message, long version, long now)
    {
        _removed.Remove(topic);
        if (message is not null) return;
        _removed.Add(topic, version);
        _removals.Enqueue((topic, version, now));
        ForgetRemovals(now);
    }

    private void ForgetRemovals(long now)
    {
        while (_removals.TryPeek(out var oldest) && (_removals.Count > MaxRemovals || now - oldest.At > RemovalKeptMs))
        {
            _removals.Dequeue();
            if (_removed.GetValueOrDefault(oldest.Topic) == oldest.Version) _removed.Remove(oldest.Topic);
        }
    }

    public readonly record struct Winner(RetainedPublication? Message);

    private sealed class Writes
    {
        public int Count { get; set; }
        public RetainedPublication? Best { get; set; }
        public long BestVersion { get; set; }
    }
}
