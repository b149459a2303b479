namespace Fleet.Gateway.Auth;

/// <summary>
/// A bucket of tokens whose rate falls while the gateway is late and grows back while it is not (as TCP finds its rate: a third off, a
/// tenth on). Immutable.
/// </summary>
/// <param name="MaxPerSecond">The operator's rate.</param>
/// <param name="PerSecond">The rate now; a second's worth is all that the bucket holds.</param>
/// <param name="RefilledAt">Monotonic milliseconds; null: never yet.</param>
internal sealed record AdmissionRate(int MaxPerSecond, double PerSecond, double Tokens, long? RefilledAt)
{
    /// <summary>From here on a client may have given up before it is answered: SDKs wait 10 to 20 s for CONNACK.</summary>
    public const double LateMs = 2_000;

    public static AdmissionRate Of(int maxPerSecond) => new(maxPerSecond, maxPerSecond, maxPerSecond, RefilledAt: null);

    /// <summary>However late the gateway is, the fleet gets back in.</summary>
    private double Min => Math.Min(MaxPerSecond, Math.Max(1, MaxPerSecond / 50.0));

    public AdmissionRate At(long now) => this with
    {
        Tokens = RefilledAt is { } before ? Math.Min(PerSecond, Tokens + ((now - before) * PerSecond / 1000)) : Tokens, RefilledAt = now,
    };

    public AdmissionRate Adapted(double lateMs)
    {
        double next = lateMs > LateMs ? Math.Max(Min, PerSecond * 2 / 3) : Math.Min(MaxPerSecond, PerSecond + (MaxPerSecond * 0.1));
        return this with { PerSecond = next, Tokens = Math.Min(Tokens, next) };
    }
}
