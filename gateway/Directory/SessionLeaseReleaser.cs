using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
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
/// Gives client ids back to their session grains, in the background, until they are taken: a lease that stays behind costs the next owner a
/// message, and a will that stays with it goes out though its client said goodbye.
/// </summary>
internal sealed class SessionLeaseReleaser(IGrainFactory grains, Fences fences, GatewayClock clock, ILogger<SessionLeaseReleaser> log)
    : ISessionLeaseReleaser
{
    /// <summary>For as long as a newer connection of the client's is remembered for certain.</summary>
    private const long PatienceMs = 50_000;

    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    public void Release(SessionIdentity identity) =>
        _ = Tell(identity, session => session.Close(identity.GatewayId ?? "", identity.ConnectionId));

    public void ForgetWill(SessionIdentity identity) =>
        _ = Tell(identity, session => session.ForgetWill(identity.GatewayId ?? "", identity.ConnectionId));

    private async Task Tell(SessionIdentity identity, Func<ISessionGrain, Task> word)
    {
        long startedAt = clock.NowMs;
        for (int failures = 1; ; failures++)
        {
            try
            {
                await word(grains.GetGrain<ISessionGrain>(identity.Key));
                return;
            }
            catch (Exception e)
            {
                if (failures == 1) log.LeaseNotReleased(identity.Key, e);
            }
            await Task.Delay(Pauses.After(failures), clock.Time);
            // A grain that has just been activated would take it for a word of the newer connection.
            if (fences.EpochOf(identity.Key) > identity.Epoch || clock.NowMs - startedAt > PatienceMs) return;
        }
    }
}
