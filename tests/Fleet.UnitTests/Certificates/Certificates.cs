using System.Security.Cryptography;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Certificates;

/// <summary>Examples for the tests of certificates.</summary>
internal static class Certificates
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static ThingName Thing(string name) => ThingName.TryParse(name, out var thing) ? thing : throw new ArgumentException(name);

    public static CertificateId Id(char digit = 'a') => CertificateId.TryParse(new string(digit, 64), out var id) ? id : throw new ArgumentException($"{digit}");

    public static CertificateView View(CertificateKind kind, CertificateStatus status) => new()
    {
        Id = Id(),
        Kind = kind,
        Status = status,
        SerialNumber = "10",
        NotBefore = Noon.AddDays(-1),
        NotAfter = Noon.AddDays(365),
        Thing = null,
        Template = kind is CertificateKind.Claim ? IProvisioningTemplateGrain.DefaultName : null,
        Label = null,
        Der = [],
        CreatedAt = Noon,
    };

    public static string Csr(AsymmetricAlgorithm key)
    {
        var request = key switch
        {
            ECDsa ec => new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=whatever, O=I say so", ec, HashAlgorithmName.SHA256),
            RSA rsa => new("CN=whatever", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            _ => throw new ArgumentException(key.GetType().Name),
        };
        request.CertificateExtensions.Add(
            System.Security.Cryptography.X509Certificates.X509BasicConstraintsExtension.CreateForCertificateAuthority());
        return request.CreateSigningRequestPem();
    }
}
