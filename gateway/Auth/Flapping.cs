using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Auth;

/// <summary>
/// Clients that connect and drop again and again, each time at the cost of a handshake, a grain call and a write: two devices that share a
/// client id and keep ending each other, a crash loop. Such a client id is held off for a while, longer each time (spec/aws-iot-topics.md,
/// section 10).
/// </summary>
internal sealed class Flapping(IOptions<AdmissionOptions> options)
{
    /// <summary>A connection that lasted longer is none that flaps.</summary>
    public const long ShortLivedMs = 10_000;

    private const long WindowMs = 60_000, FirstHoldMs = 30_000, LongestHoldMs = 300_000;

    /// <summary>Beyond this, new ones are not watched until the sweep has made room: memory stays bounded whoever connects.</summary>
    private const int MaxWatched = 100_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Watched> _watched = new(StringComparer.Ordinal);
    private readonly int _limit = options.Value.FlappingLimit;

    /// <summary>How long the client must stay away, in ms; 0 if it may come in.</summary>
    public long HeldOff(string key, long now)
    {
        lock (_gate) return _watched.TryGetValue(key, out var client) ? Math.Max(0, client.HeldUntil - now) : 0;
    }

    /// <summary>A connection that was let in has ended.</summary>
    /// <returns>For how long the client is held off from now on, in ms; 0 if it is not.</returns>
    public long Ended(string key, long livedMs, long now)
    {
        if (_limit == 0 || livedMs > ShortLivedMs) return 0;
        lock (_gate)
        {
            if (!_watched.TryGetValue(key, out var client))
            {
                if (_watched.Count >= MaxWatched) return 0;
                _watched.Add(key, client = new Watched { WindowStart = now });
            }
            if (now - client.WindowStart > WindowMs) (client.WindowStart, client.Drops) = (now, 0);
            if (++client.Drops < _limit) return 0;
            client.Hold = client.Hold == 0 ? FirstHoldMs : Math.Min(client.Hold * 2, LongestHoldMs);
            (client.HeldUntil, client.WindowStart, client.Drops) = (now + client.Hold, now + client.Hold, 0);
            return client.Hold;
        }
    }

    /// <summary>Forgets clients that have been quiet for as long as the longest hold.</summary>
    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var (key, client) in _watched)
            {
                if (now > client.HeldUntil && now - client.WindowStart > (client.Hold == 0 ? WindowMs : LongestHoldMs))
                    _watched.Remove(key);
            }
        }
    }

    private sealed class Watched
    {
        public long WindowStart { get; set; }
        public int Drops { get; set; }
        public long Hold { get; set; }
        public long HeldUntil { get; set; }
    }
}
