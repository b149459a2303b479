using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Gateway.Hosting;

/// <summary>
/// TLS of the MQTT listener (spec/security.md, 3.5): a client certificate that leads to our anchors and is in time, or no connection.
/// Whether it is still active is asked at CONNECT, where the answer can be given in words.
/// </summary>
internal static class MqttTls
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    // Every SDK must find its own in the list: one that finds none ends the handshake (spec/aws-iot-topics.md, 7.2).
    private static readonly List<SslApplicationProtocol> Protocols = [new("mqtt"), new("x-amzn-mqtt-ca")];

    public static TlsHandshakeCallbackOptions Options(IServiceProvider services, TimeSpan handshakeTimeout) => new()
    {
        HandshakeTimeout = handshakeTimeout,
        OnConnection = _ => ValueTask.FromResult(ForTrust(services.GetRequiredService<IGatewayTrust>())),
    };

    private static SslServerAuthenticationOptions ForTrust(IGatewayTrust trust) => new()
    {
        // One context for all connections: one each would leak and could not resume.
        ServerCertificateContext = trust.ServerCertificate,
        ClientCertificateRequired = true,
        ApplicationProtocols = Protocols,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = ChainPolicy(trust),
    };

    private static X509ChainPolicy ChainPolicy(IGatewayTrust trust)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.ApplicationPolicy.Add(ClientAuthentication);
        foreach (var anchor in trust.ClientAnchors)
        {
            // A root is trusted; an issuing CA only helps to build the chain, which a resuming peer does not send again.
            if (anchor.SubjectName.RawData.AsSpan().SequenceEqual(anchor.IssuerName.RawData)) policy.CustomTrustStore.Add(anchor);
            else policy.ExtraStore.Add(anchor);
        }
        return policy;
    }
}
