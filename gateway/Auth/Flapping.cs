using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Auth;

/// <summary>A client whose connections were short-lived. All instants are monotonic milliseconds.</summary>
/// <param name="Drops">Since the window began; 0: the last one has led to a hold.</param>
/// <param name="HoldMs">How long it was held off last; 0: never yet.</param>
internal readonly record struct FlappingClient(long WindowStart, int Drops = 0, long HoldMs = 0, long HeldUntil = long.MinValue)
{
    private const long WindowMs = 60_000, FirstHoldMs = 30_000, LongestHoldMs = 300_000;

    public long HeldOffMs(long now) => HeldUntil > now ? HeldUntil - now : 0;

    /// <summary>A connection has dropped; with the last that the limit allows the client is held off, longer each time.</summary>
    public FlappingClient Dropped(int limit, long now)
    {
        var window = now - WindowStart > WindowMs ? this with { WindowStart = now, Drops = 0 } : this;
        if (window.Drops + 1 < limit) return window with { Drops = window.Drops + 1 };
        long hold = HoldMs == 0 ? FirstHoldMs : Math.Min(HoldMs * 2, LongestHoldMs);
        return new(now + hold, Drops: 0, hold, HeldUntil: now + hold);
    }

    /// <summary>It has been quiet for as long as the longest hold: it begins anew.</summary>
    public bool IsQuiet(long now) => now > HeldUntil && now - WindowStart > (HoldMs == 0 ? WindowMs : LongestHoldMs);
}

/// <summary>
/// Clients that connect and drop again and again, each time at the cost of a handshake, a grain call and a write: two devices that share a
/// client id and keep ending each other, a crash loop. Such a client id is held off for a while, longer each time (spec/aws-iot-topics.md,
/// section 10).
/// </summary>
internal sealed class Flapping(IOptions<AdmissionOptions> options)
{
    /// <summary>A connection that lasted longer is no sign of flapping.</summary>
    public const long ShortLivedMs = 10_000;

    /// <summary>Beyond this, new ones are not watched until the sweep has made room: memory stays bounded whoever connects.</summary>
    private const int MaxWatched = 100_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, FlappingClient> _watched = new(StringComparer.Ordinal);
    private readonly int _limit = options.Value.FlappingLimit;

    /// <summary>How long the client must stay away, in ms; 0 if it may come in.</summary>
    public long HeldOff(string key, long now)
    {
        lock (_gate) return _watched.TryGetValue(key, out var client) ? client.HeldOffMs(now) : 0;
    }

    /// <summary>A connection that was let in has ended.</summary>
    /// <returns>For how long the client is held off from now on, in ms; 0 if it is not.</returns>
    public long Ended(string key, long livedMs, long now)
    {
        if (_limit == 0 || livedMs > ShortLivedMs) return 0;
        lock (_gate)
        {
            bool isWatched = _watched.TryGetValue(key, out var client);
            if (!isWatched && _watched.Count >= MaxWatched) return 0;
            client = (isWatched ? client : new FlappingClient(now)).Dropped(_limit, now);
            _watched[key] = client;
            return client.Drops == 0 ? client.HoldMs : 0;
        }
    }

    /// <summary>Forgets clients that have been quiet for as long as the longest hold.</summary>
    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var (key, client) in _watched)
            {
                if (client.IsQuiet(now)) _watched.Remove(key);
            }
        }
    }
}
