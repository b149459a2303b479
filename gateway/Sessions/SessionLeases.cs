using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Sessions;

/// <summary>Gives client ids back to their session grains, in the background: a lease that stays behind only costs the next owner a message.</summary>
internal sealed class SessionLeases(IGrainFactory grains, ILogger<SessionLeases> log) : ISessionLeases
{
    public void Release(SessionIdentity identity) => _ = Close(identity);

    private async Task Close(SessionIdentity identity)
    {
        try
        {
            await grains.GetGrain<ISessionGrain>(identity.Key).Close(identity.SessionId);
        }
        catch (Exception e)
        {
            log.LeaseNotReleased(identity.Key, e);
        }
    }
}
