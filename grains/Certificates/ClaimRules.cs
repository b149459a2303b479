using Fleet.Interfaces.Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>Whether a certificate may be used to provision at all.</summary>
internal static class ClaimRules
{
    /// <summary>Null if it may; otherwise what to tell the requester.</summary>
    public static string? WhyNot(CertificateView? claim, DateTimeOffset now) => claim switch
    {
        null => "The claim certificate is not known.",
        { Kind: not CertificateKind.Claim } => "The certificate is not a claim certificate.",
        { Status: not CertificateStatus.Active } => "The claim certificate is not active.",
        _ when now < claim.NotBefore || now > claim.NotAfter => "The claim certificate is not valid at this time.",
        _ => null,
    };
}
