using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Grains.Certificates;
using Fleet.Interfaces.Certificates;

namespace Fleet.Silo.Pki;

/// <summary>What stands in the certificates of the service itself (spec/security.md, 3.1; RFC 5280).</summary>
internal static class PkiProfiles
{
    /// <summary>Ten years more than the longest-lived claim.</summary>
    public static readonly TimeSpan CaLifetime = TimeSpan.FromDays(365.25 * 30);

    /// <summary>
    /// Longer than the 90 days of the specification's table, because it is renewed when the service starts and at no other time.
    /// </summary>
    public static readonly TimeSpan ServerLifetime = TimeSpan.FromDays(398);

    /// <summary>
    /// How long before its end a start renews the server's certificate. A service that is restarted twice a year never meets it.
    /// </summary>
    public static readonly TimeSpan ServerRenewal = TimeSpan.FromDays(199);

    /// <summary>Other machines' clocks run behind now and then.</summary>
    private static readonly TimeSpan Backdating = TimeSpan.FromHours(1);

    /// <summary>The root. One authority may stand below it, so that an offline root stays possible without touching a device.</summary>
    public static X509Certificate2 SelfSignedCa(ECDsa key, DateTimeOffset now)
    {
        // Two Fleets' authorities may end up in one trust store: the name tells them apart.
        var request = Request($"Fleet CA {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}", key);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority(pathLengthConstraint: 1));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        return request.Create(
            request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), NotBefore(now), NotBefore(now) + CaLifetime,
            SerialNumber.New());
    }

    public static X509Certificate2 Server(CaSigner ca, ECDsa key, IReadOnlyCollection<string> names, DateTimeOffset now)
    {
        var request = EndEntity("Fleet gateway", key, CertificateOids.ServerAuth);
        request.CertificateExtensions.Add(ServerName.Extension(names));
        return ca.Sign(request, SerialNumber.New(), NotBefore(now), now + ServerLifetime);
    }

    /// <summary>As long as the authority lives: devices keep it from the day they are provisioned.</summary>
    public static X509Certificate2 FirmwareSigner(CaSigner ca, ECDsa key, DateTimeOffset now) =>
        ca.Sign(
            EndEntity("Fleet firmware signer", key, CertificateOids.CodeSigning), SerialNumber.New(), NotBefore(now),
            DateTimeOffset.MaxValue);

    /// <summary>As long as the authority lives: processes that talk to each other need not be restarted for it.</summary>
    public static X509Certificate2 Cluster(CaSigner ca, ECDsa key, DateTimeOffset now)
    {
        var request = EndEntity("Fleet cluster", key, CertificateOids.ServerAuth, CertificateOids.ClientAuth);
        request.CertificateExtensions.Add(ServerName.Extension([ClusterIdentity.Name]));
        return ca.Sign(request, SerialNumber.New(), NotBefore(now), DateTimeOffset.MaxValue);
    }

    private static CertificateRequest EndEntity(string name, ECDsa key, params ReadOnlySpan<string> usages)
    {
        var request = Request(name, key);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(Oids(usages), critical: false));
        return request;
    }

    private static OidCollection Oids(ReadOnlySpan<string> usages)
    {
        var oids = new OidCollection();
        foreach (string usage in usages) oids.Add(new Oid(usage));
        return oids;
    }

    private static CertificateRequest Request(string name, ECDsa key)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("Fleet");
        subject.AddCommonName(name);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static DateTimeOffset NotBefore(DateTimeOffset now) => DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()) - Backdating;
}
