using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;

namespace Fleet.UnitTests.Reactor;

/// <summary>An authority with a server certificate; gives out client certificates of all sorts.</summary>
internal sealed class TestPki : IGatewayTrust
{
    private readonly X509Certificate2 _root = Root("Ours");

    public TestPki() => ServerCertificate = SslStreamCertificateContext.Create(
        Issue(_root, "1.3.6.1.5.5.7.3.1"), additionalCertificates: null, offline: true);

    public SslStreamCertificateContext ServerCertificate { get; }

    public X509Certificate2Collection ClientAnchors => [_root];

    public X509Certificate2 Device() => Issue(_root, "1.3.6.1.5.5.7.3.2");

    public X509Certificate2 Expired() => Issue(_root, "1.3.6.1.5.5.7.3.2", validDays: -1);

    /// <summary>Good for a server alone.</summary>
    public X509Certificate2 OfAnotherPurpose() => Issue(_root, "1.3.6.1.5.5.7.3.1");

    public static X509Certificate2 OfAStranger() => Issue(Root("Theirs"), "1.3.6.1.5.5.7.3.2");

    public static X509Certificate2 SelfSigned() => Root("Nobody");

    private static X509Certificate2 Root(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-3), now.AddDays(3));
    }

    private static X509Certificate2 Issue(X509Certificate2 issuer, string usage, int validDays = 2)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.Create(issuer, now.AddDays(-2), now.AddDays(validDays), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }
}
