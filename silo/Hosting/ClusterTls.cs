using Fleet.Silo.Pki;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace Fleet.Silo.Hosting;

/// <summary>
/// TLS 1.3 among silos, and between gateways and silos. Both ends show the one certificate of the cluster, so that neither a device nor
/// anybody else who reaches the ports gets to a grain.
/// </summary>
internal static class ClusterTls
{
    public static void Use(ISiloBuilder silo)
    {
        silo.Services.AddSingleton(static s => OptionsFor(s.GetRequiredService<ClusterIdentity>()));
        silo.Services.AddOptions<SiloConnectionOptions>().Configure<TlsOptions>(static (connections, tls) =>
        {
            connections.ConfigureSiloInboundConnection(connection => connection.UseServerTls(tls));
            connections.ConfigureGatewayInboundConnection(connection => connection.UseServerTls(tls));
            connections.ConfigureSiloOutboundConnection(connection => connection.UseClientTls(tls));
        });
    }

    public static void Use(IClientBuilder client)
    {
        client.Services.AddSingleton(static s => OptionsFor(s.GetRequiredService<ClusterIdentity>()));
        client.Services.AddOptions<ClientConnectionOptions>().Configure<TlsOptions>(static (connections, tls) =>
            connections.ConfigureConnection(connection => connection.UseClientTls(tls)));
    }

    private static TlsOptions OptionsFor(ClusterIdentity cluster) => new()
    {
        LocalCertificate = cluster.Certificate,
        SslProtocols = System.Security.Authentication.SslProtocols.Tls13,
        RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
        ClientCertificateMode = RemoteCertificateMode.RequireCertificate,
        RemoteCertificateValidation = (certificate, _, _) => cluster.Recognizes(certificate),
        OnAuthenticateAsClient = static (_, handshake) => handshake.TargetHost = ClusterIdentity.Name,
    };
}
