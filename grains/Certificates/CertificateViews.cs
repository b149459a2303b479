using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

internal static class CertificateViews
{
    /// <summary>A certificate that was just made, pending and nobody's.</summary>
    public static CertificateView Of(X509Certificate2 certificate, CertificateKind kind, DateTimeOffset now) => new()
    {
        Id = IdOf(certificate),
        Kind = kind,
        Status = CertificateStatus.PendingActivation,
        SerialNumber = certificate.SerialNumber.ToLowerInvariant(),
        NotBefore = certificate.NotBefore.ToUniversalTime(),
        NotAfter = certificate.NotAfter.ToUniversalTime(),
        Thing = null,
        Template = null,
        Label = null,
        Der = [.. certificate.RawData],
        CreatedAt = now,
    };

    private static CertificateId IdOf(X509Certificate2 certificate) =>
        CertificateId.TryParse(Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256)), out var id)
            ? id : throw new InvalidOperationException("A SHA-256 in hex is a certificate id.");
}
