using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>
/// What stands in a certificate of each kind (spec/security.md, 3.1; RFC 5280). The name in it is the serial number, not the thing: the
/// certificate is there before its thing is known, and the registry (<see cref="ICertificateGrain"/>) says whose it is.
/// </summary>
internal sealed record CertificateProfile(CertificateKind Kind, TimeSpan Lifetime)
{
    /// <summary>Devices' clocks run behind now and then.</summary>
    private static readonly TimeSpan Backdating = TimeSpan.FromHours(1);

    public static readonly CertificateProfile Device = new(CertificateKind.Device, TimeSpan.FromDays(365));
    public static readonly CertificateProfile Claim = new(CertificateKind.Claim, TimeSpan.FromDays(365.25 * 20));

    /// <summary>Everything but the issuer, its key identifier and the signature. Nothing is taken from the requester but the key.</summary>
    public CertificateRequest RequestFor(PublicKey key, ReadOnlySpan<byte> serialNumber)
    {
        var serial = Convert.ToHexStringLower(serialNumber);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("Fleet");
        subject.AddOrganizationalUnitName(Kind.ToString());
        subject.AddCommonName(serial);

        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(Usages(), critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri($"urn:fleet:{(Kind is CertificateKind.Claim ? "claim" : "device")}:{serial}"));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, critical: false));
        return request;
    }

    public (DateTimeOffset NotBefore, DateTimeOffset NotAfter) ValidFrom(DateTimeOffset now)
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        return (second - Backdating, second + Lifetime);
    }

    private OidCollection Usages() => Kind is CertificateKind.Claim
        ? [new Oid(CertificateOids.ClientAuth), new Oid(CertificateOids.Claim)]
        : [new Oid(CertificateOids.ClientAuth)];
}
