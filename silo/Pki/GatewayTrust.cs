using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;

namespace Fleet.Silo.Pki;

internal sealed class GatewayTrust(Identity server, X509Certificate2 ca) : IGatewayTrust
{
    public SslStreamCertificateContext ServerCertificate { get; } =
        SslStreamCertificateContext.Create(Usable(server.Certificate), additionalCertificates: null, offline: true);

    public X509Certificate2Collection ClientAnchors { get; } = [X509CertificateLoader.LoadCertificate(ca.RawData)];

    /// <summary>Windows' TLS takes no key that only lives in memory beside its certificate; a PKCS#12 in between makes it one that it takes.</summary>
    private static X509Certificate2 Usable(X509Certificate2 certificate) => OperatingSystem.IsWindows()
        ? X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null)
        : certificate;
}
