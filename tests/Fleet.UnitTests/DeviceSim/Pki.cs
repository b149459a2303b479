using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>A certificate authority and what it issues, made once for all tests.</summary>
internal sealed class Pki
{
    public static Pki Ours { get; } = new("Fleet test CA");

    public static Pki Theirs { get; } = new("Somebody else's CA");

    private readonly ECDsa _signerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _ca;

    private Pki(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _ca = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(100));
        Signer = Issue("CN=firmware signer", _signerKey, "1.3.6.1.5.5.7.3.3");
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        NotASigner = Issue("CN=some device", otherKey, "1.3.6.1.5.5.7.3.2");
    }

    public X509Certificate2Collection Anchors => [X509CertificateLoader.LoadCertificate(_ca.RawData)];

    /// <summary>May sign code.</summary>
    public X509Certificate2 Signer { get; }

    /// <summary>May not: a client certificate.</summary>
    public X509Certificate2 NotASigner { get; }

    /// <summary>DER over SHA-256, by the firmware signer.</summary>
    public byte[] Sign(byte[] data) => _signerKey.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public X509Certificate2 IssueFromCsr(string pem)
    {
        var request = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256);
        return request.Create(_ca, _ca.NotBefore, _ca.NotAfter, RandomNumberGenerator.GetBytes(12));
    }

    private X509Certificate2 Issue(string subject, ECDsa key, string usage)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        return request.Create(_ca, _ca.NotBefore, _ca.NotAfter, RandomNumberGenerator.GetBytes(12));
    }
}
