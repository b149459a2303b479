using Fleet.Gateway.Cluster;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Connect;

/// <summary>Takes a client id for this gateway, and brings here the session that the client left at another one.</summary>
internal sealed class SessionAcquirer(
    IGrainFactory grains, GatewayIdentity gateway, SessionHandoff handoff, SessionFinder finder, Broker broker, GatewayClock clock,
    ILogger<SessionAcquirer> log)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Takes the client id.</summary>
    /// <returns>Null: where its session is cannot be known yet, and beginning anew beside it would lose what it is owed.</returns>
    public async Task<SessionLease?> Open(string key, SessionClaim claim)
    {
        var session = grains.GetGrain<ISessionGrain>(key);
        var lease = await session.Open(claim);
        if (lease.Lost is not { } lost) return lease;
        var found = await finder.Find(key, lease, claim.CleanStart);
        if (found is FoundSession.NotYet) return null;
        lease = await session.Open(claim with { Found = lost });
        if (lease.Lost is not null) return null;
        // What is found has its will with it.
        return found is FoundSession.Found { Moved: var moved } ? lease with { Moved = lease.Moved ?? moved, UnsentWill = null } : lease;
    }

    /// <summary>Brings here what the client left at another gateway: from then on its session is one whose client is away.</summary>
    public async Task TakeOver(SessionIdentity identity, SessionLease lease)
    {
        if (lease.UnsentWill is { } will) _ = broker.Publish(PeerMessages.ToPublication(will, clock.NowMs));
        if (lease.Stayed) await handoff.Stay(identity.Key);
        if (lease.Moved is not { } moved) return;
        var inbound = await handoff.Arrive(identity, moved);
        var messages = await Collect(inbound, moved);
        // What is noted between two lives of the gateway is never stored.
        await gateway.Begun;
        handoff.Complete(inbound, messages);
    }

    /// <summary>
    /// The messages of a session that another gateway hands over; null if there are none any more. While that gateway lives, it has them:
    /// it is asked until it answers. A client that does not wait for it finds its session on its way here with its next CONNECT.
    /// </summary>
    private async Task<MovedMessages?> Collect(InboundHandoff inbound, MovedSession moved)
    {
        var identity = inbound.Session.Identity;
        for (bool again = false; !inbound.Session.HasEnded; again = true)
        {
            if (again) await Task.Delay(AskAgainAfter, clock.Time);
            try
            {
                var messages = await grains.GetGrain<IGatewayGrain>(moved.FromGateway).Collect(identity.Key, moved.Epoch, gateway.Id);
                if (messages is null) log.SessionNotMoved(identity.Key, moved.FromGateway);
                return messages;
            }
            catch (Exception e)
            {
                if (!again) log.SessionNotCollected(identity.Key, moved.FromGateway, e);
            }
        }
        return null;
    }
}
