using System.Net;
using Fleet.Gateway.Downloads;
using Fleet.Gateway.Hosting;
using Fleet.Grains.Certificates;
using Fleet.Grains.Firmware;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Pki;

internal static class PkiServices
{
    /// <summary>The authority, the server's certificate, the firmware signer and the download key, from the data directory's <c>pki/</c>.</summary>
    public static IServiceCollection AddFleetPki(this IServiceCollection services)
    {
        services.AddOptions<PkiOptions>().BindConfiguration("Fleet:Gateway").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(s => FleetPki.Open(
            s.GetRequiredService<DataDirectory>().File("pki"),
            ServerName.All(Dns.GetHostName(), s.GetRequiredService<IOptions<PkiOptions>>().Value.ServerNames),
            s.GetRequiredService<TimeProvider>().GetUtcNow(),
            s.GetRequiredService<ILogger<FleetPki>>()));
        services.AddSingleton<ICertificateSigner>(s => s.GetRequiredService<FleetPki>().Signer);
        services.AddSingleton<IFirmwareSigner>(s => s.GetRequiredService<FleetPki>().FirmwareSigner);
        services.AddSingleton<IGatewayTrust>(s => s.GetRequiredService<FleetPki>().GatewayTrust);
        services.AddSingleton<IDownloadKey>(s => s.GetRequiredService<FleetPki>().DownloadKey);
        return services;
    }
}
