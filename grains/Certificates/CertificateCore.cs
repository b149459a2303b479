using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

/// <summary>The life of one certificate: pending until its ownership token is spent, active until it is revoked.</summary>
internal static class CertificateCore
{
    /// <param name="ownershipTokenSha256">Null for a certificate that needs no activation: a claim.</param>
    /// <param name="tokenLifetime">How long the ownership token may be spent.</param>
    public static CertificateState Record(
        CertificateState state, CertificateView certificate, string? ownershipTokenSha256, TimeSpan tokenLifetime, DateTimeOffset now) =>
        state.Certificate is not null ? state : new CertificateState
        {
            Certificate = certificate,
            OwnershipTokenSha256 = ownershipTokenSha256,
            OwnershipTokenExpiresAt = ownershipTokenSha256 is null ? null : now + tokenLifetime,
        };

    /// <summary>The certificate, unless nobody used it in time: then it counts as deleted, whether or not it was swept away yet.</summary>
    public static CertificateView? View(CertificateState state, DateTimeOffset now) => IsAbandoned(state, now) ? null : state.Certificate;

    public static bool IsAbandoned(CertificateState state, DateTimeOffset now) =>
        state is { Certificate.Status: CertificateStatus.PendingActivation, OwnershipTokenExpiresAt: { } end } && now >= end;

    /// <summary>The state with the thing attached; the same state for a repeat; null if the token is not good for this thing.</summary>
    public static CertificateState? Activate(CertificateState state, string ownershipToken, ThingName thing, DateTimeOffset now)
    {
        if (state is not { Certificate: { } certificate, OwnershipTokenSha256: { } expected }) return null;
        if (!CryptographicOperations.FixedTimeEquals(
            Encoding.ASCII.GetBytes(expected), Encoding.ASCII.GetBytes(OwnershipToken.Sha256Of(ownershipToken)))) return null;
        return certificate.Status switch
        {
            CertificateStatus.PendingActivation when !IsAbandoned(state, now) =>
                state with { Certificate = certificate with { Status = CertificateStatus.Active, Thing = thing } },
            CertificateStatus.Active when certificate.Thing == thing => state,
            _ => null,
        };
    }

    /// <summary>The revoked state; the same state for a repeat; null if there is no such certificate.</summary>
    public static CertificateState? Revoke(CertificateState state, DateTimeOffset now) => View(state, now) switch
    {
        null => null,
        { Status: CertificateStatus.Revoked } => state,
        var certificate => state with { Certificate = certificate with { Status = CertificateStatus.Revoked } },
    };
}
