using System.Security.Cryptography.X509Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>The certificate authority's key, wherever it is kept: a file here, a vault elsewhere.</summary>
public interface ICertificateSigner
{
    /// <summary>The authority's own certificate, PEM: what devices trust.</summary>
    string CaCertificatePem { get; }

    /// <summary>
    /// Signs what the request says, and adds the authority key identifier. A <paramref name="notAfter"/> beyond the authority's own end is
    /// brought back to it. Safe to call from several threads.
    /// </summary>
    /// <param name="serialNumber">1 to 20 bytes, big-endian, positive.</param>
    X509Certificate2 Sign(CertificateRequest request, ReadOnlySpan<byte> serialNumber, DateTimeOffset notBefore, DateTimeOffset notAfter);
}
