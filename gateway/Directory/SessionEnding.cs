using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Directory;

/// <summary>What follows outside of the directory when a session ends, or its will is due.</summary>
internal sealed class SessionEnding(Broker broker, ISessionLeaseReleaser leases)
{
    /// <summary>Ends a session that is not in the directory (any more). Returns the connection it had.</summary>
    /// <param name="unsent">Messages of shared subscriptions that no other copy of it has: they are for other members too.</param>
    public ISessionConnection? Discard(Session session, IReadOnlyCollection<Delivery>? unsent = null)
    {
        var ended = session.End();
        foreach (var delivery in unsent ?? []) delivery.Message.Hold();
        broker.Forget(session, ended with { Shared = [.. ended.Shared, .. unsent ?? []] });
        return ended.Connection;
    }

    /// <summary>As <see cref="Discard"/>, where another copy is the right one: what it has is not given to anybody.</summary>
    public ISessionConnection? DiscardCopy(Session session)
    {
        session.Move.Supersede();
        return Discard(session);
    }

    /// <param name="will">Null: none is due.</param>
    public void Publish(SessionIdentity identity, Will? will, long now)
    {
        if (will is not null) _ = broker.Publish(will.At(now), identity.Principal);
    }

    public void Tell(SessionIdentity identity, LeaseNotice notice)
    {
        if (notice == LeaseNotice.Release) leases.Release(identity);
        else if (notice == LeaseNotice.ForgetWill) leases.ForgetWill(identity);
    }
}
