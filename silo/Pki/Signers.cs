using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Grains.Certificates;
using Fleet.Grains.Firmware;

namespace Fleet.Silo.Pki;

/// <summary>The authority's key, in a file of this machine.</summary>
internal sealed class CaSigner : ICertificateSigner
{
    private readonly Identity _ca;
    private readonly X509SignatureGenerator _generator;
    private readonly X509AuthorityKeyIdentifierExtension _authority;
    private readonly Lock _lock = new();

    public CaSigner(Identity ca)
    {
        _ca = ca;
        _generator = X509SignatureGenerator.CreateForECDsa(ca.Key);
        _authority = X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            ca.Certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false);
    }

    public X509Certificate2 Certificate => _ca.Certificate;

    public string CaCertificatePem => _ca.CertificatePem;

    public X509Certificate2 Sign(
        CertificateRequest request, ReadOnlySpan<byte> serialNumber, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        request.CertificateExtensions.Add(_authority);
        DateTimeOffset end = Certificate.NotAfter.ToUniversalTime();
        // .NET does not promise that one key object may sign twice at once.
        lock (_lock) return request.Create(Certificate.SubjectName, _generator, notBefore, notAfter < end ? notAfter : end, serialNumber);
    }

    /// <summary>Whether a certificate names this authority's key as its issuer's.</summary>
    public bool HasIssued(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier is { } issuer &&
        _authority.KeyIdentifier is { } own && issuer.Span.SequenceEqual(own.Span);
}

/// <summary>The key that signs firmware, in a file of this machine.</summary>
internal sealed class FirmwareSigner(Identity signer) : IFirmwareSigner
{
    private readonly Lock _lock = new();

    public string CertificatePem { get; } = signer.CertificatePem;

    public byte[] SignHash(ReadOnlySpan<byte> sha256)
    {
        // .NET does not promise that one key object may sign twice at once.
        lock (_lock) return signer.Key.SignHash(sha256, DSASignatureFormat.Rfc3279DerSequence);
    }
}
