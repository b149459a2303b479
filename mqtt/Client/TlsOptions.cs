using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Mqtt;

/// <summary>
/// TLS of a client. Share one instance among all connections that use the same certificate: contexts and chain policies are made
/// once (a certificate context per connection leaks on Unix and forbids resumption).
/// </summary>
public sealed class TlsOptions
{
    private readonly Lock _gate = new();
    private SslStreamCertificateContext? _context;

    /// <summary>With its private key; null connects without a client certificate.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Issuing certificates to send along with <see cref="ClientCertificate"/>, in any order; no root needed.</summary>
    public X509Certificate2Collection ClientCertificateChain { get; init; } = [];

    /// <summary>The only roots trusted. Null trusts the roots of the machine.</summary>
    public X509Certificate2Collection? TrustAnchors { get; init; }

    /// <summary>Name to send (SNI) and to find in the server's certificate; null: the host connected to.</summary>
    public string? ServerName { get; init; }

    /// <summary>ALPN, in order of preference, e.g. "mqtt" or "x-amzn-mqtt-ca"; empty sends none.</summary>
    public IReadOnlyList<string> ApplicationProtocols { get; init; } = ["mqtt"];

    /// <param name="webSocket">Then HTTP chooses the application protocol.</param>
    internal SslClientAuthenticationOptions For(string host, bool webSocket = false) => new()
    {
        TargetHost = ServerName ?? host,
        ClientCertificateContext = CertificateContext(),
        ApplicationProtocols = webSocket || ApplicationProtocols.Count == 0 ? null
            : [.. ApplicationProtocols.Select(protocol => new SslApplicationProtocol(protocol))],
        CertificateChainPolicy = TrustPolicy(),
    };

    private X509ChainPolicy? TrustPolicy()
    {
        if (TrustAnchors is null) return null;
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(TrustAnchors);
        return policy;
    }

    private SslStreamCertificateContext? CertificateContext()
    {
        if (ClientCertificate is null) return null;
        lock (_gate) return _context ??= SslStreamCertificateContext.Create(ClientCertificate, ClientCertificateChain, offline: true);
    }
}
