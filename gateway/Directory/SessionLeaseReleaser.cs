using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Directory;

/// <summary>Told what the session grains must know. Must not wait.</summary>
internal interface ISessionLeaseReleaser
{
    /// <summary>The session is gone for good.</summary>
    void Release(SessionIdentity identity);

    /// <summary>Its will has gone out, or will never: the session stays.</summary>
    void ForgetWill(SessionIdentity identity);
}

/// <summary>
/// Gives client ids back to their session grains, in the background: a lease that stays behind only costs the next owner a message.
/// </summary>
internal sealed class SessionLeaseReleaser(IGrainFactory grains, ILogger<SessionLeaseReleaser> log) : ISessionLeaseReleaser
{
    public void Release(SessionIdentity identity) =>
        _ = Tell(identity, session => session.Close(identity.GatewayId ?? "", identity.ConnectionId));

    public void ForgetWill(SessionIdentity identity) =>
        _ = Tell(identity, session => session.ForgetWill(identity.GatewayId ?? "", identity.ConnectionId));

    private async Task Tell(SessionIdentity identity, Func<ISessionGrain, Task> word)
    {
        try
        {
            await word(grains.GetGrain<ISessionGrain>(identity.Key));
        }
        catch (Exception e)
        {
            log.LeaseNotReleased(identity.Key, e);
        }
    }
}
