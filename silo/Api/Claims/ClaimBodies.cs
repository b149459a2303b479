using Fleet.Interfaces.Certificates;

namespace Fleet.Silo.Api.Claims;

/// <summary>What a new claim certificate is for.</summary>
/// <param name="Label">What the operator calls it: 1 to 128 characters.</param>
/// <param name="Template">The only provisioning template it may use; "fleet" if absent.</param>
/// <param name="Thing">The only thing it may provision; absent for a batch.</param>
/// <param name="MaxCertificates">See <see cref="ClaimLimitsBody"/>.</param>
/// <param name="CertificatesPerSecond">See <see cref="ClaimLimitsBody"/>.</param>
internal sealed record NewClaimBody(
    string? Label, string? Template, string? Thing, int? MaxCertificates = null, int? CertificatesPerSecond = null);

/// <summary>How much a claim may be used.</summary>
/// <param name="MaxCertificates">Certificates in all; absent: as the service's settings have it.</param>
/// <param name="CertificatesPerSecond">On average, those of ten seconds at once; absent: as the service's settings have it.</param>
internal sealed record ClaimLimitsBody(int? MaxCertificates = null, int? CertificatesPerSecond = null);

/// <summary>A claim certificate with its key. This is the only time that the key is shown: it is not kept.</summary>
/// <param name="PrivateKey">PKCS#8 PEM.</param>
/// <param name="CaCertificatePem">What the device trusts.</param>
internal sealed record IssuedClaimBody(
    string CertificateId, string CertificatePem, string PrivateKey, string CaCertificatePem, DateTimeOffset NotAfter,
    string Label, string Template, string? Thing);

/// <summary>A claim certificate.</summary>
/// <param name="Status">active or revoked.</param>
/// <param name="MaxCertificates">Certificates that it may be used for in all.</param>
/// <param name="CertificatesIssued">Certificates that it has been used for.</param>
/// <param name="CertificatesPending">Of these, those that no device has been registered with yet.</param>
internal sealed record ClaimBody(
    string CertificateId, string Status, string? Label, string? Template, string? Thing, string SerialNumber,
    DateTimeOffset NotBefore, DateTimeOffset NotAfter, DateTimeOffset CreatedAt, string CertificatePem,
    int MaxCertificates, int CertificatesPerSecond, int CertificatesIssued, int CertificatesPending)
{
    public static ClaimBody Of(CertificateView claim, ClaimUse use) => new(
        claim.Id.Value, StatusOf(claim.Status), claim.Label, claim.Template, claim.Thing?.Value, claim.SerialNumber,
        claim.NotBefore, claim.NotAfter, claim.CreatedAt, claim.Pem,
        use.MaxCertificates, use.CertificatesPerSecond, use.Issued, use.Pending);

    private static string StatusOf(CertificateStatus status) => status switch
    {
        CertificateStatus.PendingActivation => "pendingActivation",
        CertificateStatus.Active => "active",
        CertificateStatus.Inactive => "inactive",
        CertificateStatus.Revoked => "revoked",
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
