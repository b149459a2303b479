using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

/// <summary>
/// How much a claim may be used. The rate is the generic cell rate algorithm: each certificate takes the time that it would last at the
/// rate, and time that was not used is saved up to the burst.
/// </summary>
internal static class ClaimCore
{
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(10);

    public static ClaimUse Use(ClaimState state, ClaimOptions options, DateTimeOffset now) => new(
        MaxCertificates(state, options), PerSecond(state, options), state.Issued, Waiting(state, now));

    /// <summary>Null if it may have a certificate now.</summary>
    public static ClaimRefusal? WhyNot(ClaimState state, ClaimOptions options, DateTimeOffset now)
    {
        int most = MaxCertificates(state, options);
        if (state.Issued >= most)
            return new(ClaimLimit.Total, $"The claim has been used for {most:N0} certificates, which is all that it is good for.");
        if (Waiting(state, now) >= options.MaxPending)
            return new(ClaimLimit.Pending,
                $"{options.MaxPending:N0} certificates of this claim are not registered yet, and there may be no more; try again later.");
        return Spend(state, options, now) > now
            ? new(ClaimLimit.Rate, $"The claim may have {PerSecond(state, options):N0} certificates per second; try again later.") : null;
    }

    /// <summary>For a claim that <see cref="WhyNot"/> has nothing against. A repeat changes nothing.</summary>
    public static ClaimState Issue(ClaimState state, CertificateId certificate, ClaimOptions options, DateTimeOffset now) =>
        state.Pending.ContainsKey(certificate.Value) ? state : state with
        {
            Issued = state.Issued + 1,
            SpentUntil = Spend(state, options, now),
            Pending = state.Pending.Add(certificate.Value, now.AddMinutes(options.PendingMinutes)),
        };

    public static ClaimState Registered(ClaimState state, CertificateId certificate) =>
        state with { Pending = state.Pending.Remove(certificate.Value) };

    /// <summary>Certificates whose time is up.</summary>
    public static ImmutableArray<string> Abandoned(ClaimState state, DateTimeOffset now) =>
        [.. state.Pending.Where(pending => pending.Value <= now).Select(pending => pending.Key)];

    public static ClaimState Swept(ClaimState state, ImmutableArray<string> abandoned) =>
        state with { Pending = state.Pending.RemoveRange(abandoned) };

    private static int Waiting(ClaimState state, DateTimeOffset now) => state.Pending.Values.Count(until => until > now);

    private static DateTimeOffset Spend(ClaimState state, ClaimOptions options, DateTimeOffset now)
    {
        var from = state.SpentUntil > now - Burst ? state.SpentUntil : now - Burst;
        return from + (TimeSpan.FromSeconds(1) / PerSecond(state, options));
    }

    private static int MaxCertificates(ClaimState state, ClaimOptions options) => state.Limits.MaxCertificates ?? options.MaxCertificates;

    private static int PerSecond(ClaimState state, ClaimOptions options) =>
        state.Limits.CertificatesPerSecond ?? options.CertificatesPerSecond;
}
