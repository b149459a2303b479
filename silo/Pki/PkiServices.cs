using System.Net;
using Fleet.Gateway;
using Fleet.Gateway.Downloads;
using Fleet.Grains.Certificates;
using Fleet.Grains.Firmware;
using Fleet.Silo.Files;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Pki;

internal static class PkiServices
{
    /// <summary>
    /// The authority, the server's certificate, the firmware signer and the download key, from the shared directory's <c>pki/</c>.
    /// </summary>
    public static IServiceCollection AddFleetPki(this IServiceCollection services)
    {
        services.AddOptions<PkiOptions>().BindConfiguration("Fleet:Gateway").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(s => FleetPki.Open(
            s.GetRequiredService<SharedDirectory>().File("pki"),
            ServerName.All(
                HostName(s.GetRequiredService<SharedDirectory>()), s.GetRequiredService<IOptions<PkiOptions>>().Value.ServerNames),
            s.GetRequiredService<TimeProvider>().GetUtcNow(),
            s.GetRequiredService<ILogger<FleetPki>>()));
        services.AddSingleton(s => ClusterIdentity.Open(
            s.GetRequiredService<SharedDirectory>().File("pki"), s.GetRequiredService<FleetPki>().Signer,
            s.GetRequiredService<TimeProvider>().GetUtcNow(), s.GetRequiredService<ILogger<ClusterIdentity>>()));
        services.AddSingleton<ICertificateSigner>(s => s.GetRequiredService<FleetPki>().Signer);
        services.AddSingleton<IFirmwareSigner>(s => s.GetRequiredService<FleetPki>().FirmwareSigner);
        services.AddSingleton<IGatewayTrust>(s => s.GetRequiredService<FleetPki>().GatewayTrust);
        services.AddSingleton<IDownloadKey>(s => s.GetRequiredService<FleetPki>().DownloadKey);
        return services;
    }

    /// <summary>What a gateway of its own needs of the same folder.</summary>
    public static IServiceCollection AddFleetGatewayPki(this IServiceCollection services)
    {
        services.AddSingleton(s => GatewayPki.Load(s.GetRequiredService<SharedDirectory>().File("pki")));
        services.AddSingleton(s => ClusterIdentity.Load(s.GetRequiredService<SharedDirectory>().File("pki")));
        services.AddSingleton<IGatewayTrust>(s => s.GetRequiredService<GatewayPki>().Trust);
        services.AddSingleton<IDownloadKey>(s => s.GetRequiredService<GatewayPki>().DownloadKey);
        return services;
    }

    // Of several machines that share one certificate none puts its own name into it: each start would make another.
    private static string HostName(SharedDirectory shared) => shared.IsShared ? "localhost" : Dns.GetHostName();
}
