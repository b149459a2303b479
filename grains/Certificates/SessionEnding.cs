using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

/// <summary>Ends the sessions of a certificate that is no longer good, on every gateway that lives.</summary>
internal static class SessionEnding
{
    /// <returns>False if a gateway could not be told, although it lives; or which do could not be found out.</returns>
    public static async Task<bool> EndSessionsOf(this IGrainFactory grains, CertificateId certificate)
    {
        var told = Tell();
        await told.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return told.IsCompletedSuccessfully;

        async Task Tell()
        {
            var view = await grains.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key).GetView();
            await Task.WhenAll(view.Gateways.Select(gateway => grains.GetGrain<IGatewayGrain>(gateway.Id).EndSessionsOf(certificate)));
        }
    }
}
