using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>What a certificate signing request comes to: a key whose holder signed the request, or the reason why not.</summary>
internal abstract record CsrReading
{
    private CsrReading() { }

    internal sealed record Accepted(PublicKey Key) : CsrReading;

    internal sealed record Refused(string Detail) : CsrReading;
}

/// <summary>
/// Reads PKCS#10 (RFC 2986). The signature is the proof of possession; of the rest only the key is used: subject, attributes and requested
/// extensions are the requester's wishes.
/// </summary>
internal static class CsrReader
{
    /// <summary>spec/aws-iot-topics.md, section 4.</summary>
    public const int MaxCharacters = 4_096;

    /// <summary>Checking a signature costs the service time that grows with the key; nobody needs more.</summary>
    private const int MaxRsaBits = 4_096;
    private const int MinRsaBits = 2_048;

    private const string Ec = "1.2.840.10045.2.1";
    private const string Rsa = "1.2.840.113549.1.1.1";

    public static CsrReading Read(string csrPem)
    {
        if (csrPem.Length > MaxCharacters) return new CsrReading.Refused($"The CSR is longer than {MaxCharacters:N0} characters.");
        try
        {
            var key = CertificateRequest.LoadSigningRequestPem(csrPem, HashAlgorithmName.SHA256).PublicKey;
            return WhyNot(key) is { } detail ? new CsrReading.Refused(detail) : new CsrReading.Accepted(key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            return new CsrReading.Refused("The CSR is not a PEM PKCS#10 request signed by its own key.");
        }
    }

    private static string? WhyNot(PublicKey key)
    {
        switch (key.Oid.Value)
        {
            case Ec:
                using (var ec = key.GetECDsaPublicKey()!)
                {
                    var curve = ec.ExportParameters(includePrivateParameters: false).Curve;
                    bool known = curve.IsNamed && curve.Oid.Value is "1.2.840.10045.3.1.7" or "1.3.132.0.34";
                    return known ? null : "The key's curve must be P-256 or P-384.";
                }
            case Rsa:
                using (var rsa = key.GetRSAPublicKey()!)
                    return rsa.KeySize is >= MinRsaBits and <= MaxRsaBits
                        ? null : $"An RSA key must have {MinRsaBits:N0} to {MaxRsaBits:N0} bits.";
            default:
                return "The key must be ECDSA (P-256, P-384) or RSA.";
        }
    }
}
