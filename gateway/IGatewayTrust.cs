using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Gateway;

/// <summary>The certificates a gateway works with. One instance serves all connections, so that TLS sessions can resume.</summary>
public interface IGatewayTrust
{
    /// <summary>The server's certificate and chain, made offline: nothing is fetched during a handshake.</summary>
    SslStreamCertificateContext ServerCertificate { get; }

    /// <summary>The only anchors a client certificate may lead to.</summary>
    X509Certificate2Collection ClientAnchors { get; }
}
