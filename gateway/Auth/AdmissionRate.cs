namespace Fleet.Gateway.Auth;

/// <summary>
/// A bucket of tokens whose rate falls while the gateway is late and grows back while it is not (as TCP finds its rate: a third off, a
/// tenth on).
/// </summary>
/// <param name="maxPerSecond">The operator's rate.</param>
internal sealed class AdmissionRate(int maxPerSecond)
{
    /// <summary>From here on a client may have given up before it is answered: SDKs wait 10 to 20 s for CONNACK.</summary>
    public const double LateMs = 2_000;

    /// <summary>However late the gateway is, the fleet gets back in.</summary>
    private readonly double _min = Math.Min(maxPerSecond, Math.Max(1, maxPerSecond / 50.0));

    private double _tokens = maxPerSecond;
    private long? _refilledAt;

    public double PerSecond { get; private set; } = maxPerSecond;

    /// <summary>0: empty; 1: a second's worth, which is all that it holds.</summary>
    public double Fill => _tokens / PerSecond;

    /// <param name="now">Monotonic milliseconds.</param>
    public void Refill(long now)
    {
        if (_refilledAt is { } before) _tokens = Math.Min(PerSecond, _tokens + ((now - before) * PerSecond / 1000));
        _refilledAt = now;
    }

    public bool TrySpend()
    {
        if (_tokens < 1) return false;
        _tokens--;
        return true;
    }

    public void Adapt(double lateMs)
    {
        PerSecond = lateMs > LateMs ? Math.Max(_min, PerSecond * 2 / 3) : Math.Min(maxPerSecond, PerSecond + (maxPerSecond * 0.1));
        _tokens = Math.Min(_tokens, PerSecond);
    }
}
