using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// Who has a client id. In memory: with the process go the sessions it speaks of. It stays activated while somebody has the client id, so that the
/// next owner finds the last.
/// </summary>
internal sealed class SessionGrain(TimeProvider clock) : Grain, ISessionGrain
{
    private (string GatewayId, string SessionId)? _owner;
    private long _epoch;

    public Task<SessionLease> Open(string gatewayId, string sessionId)
    {
        if (_owner is { } owner)
        {
            if (owner.SessionId == sessionId) return Task.FromResult(new SessionLease(_epoch));
            // Within one gateway the newcomer takes the session over there, queue and all. Another gateway is told to drop it; not awaited:
            // whether it hears that in time, or lives at all, does not hold up the newcomer.
            if (owner.GatewayId != gatewayId)
                _ = GrainFactory.GetGrain<IGatewayGrain>(owner.GatewayId).EndSession(this.GetPrimaryKeyString(), owner.SessionId, SessionEnd.TakenOver);
        }
        _owner = (gatewayId, sessionId);
        // Seconds, so that epochs grow from one activation to the next without being stored.
        _epoch = Math.Max(_epoch + 1, clock.GetUtcNow().ToUnixTimeSeconds());
        DelayDeactivation(TimeSpan.MaxValue);
        return Task.FromResult(new SessionLease(_epoch));
    }

    public Task Close(string sessionId)
    {
        if (_owner?.SessionId != sessionId) return Task.CompletedTask;
        _owner = null;
        // The epoch is kept for as long as an idle grain stays; a newer activation starts from the clock, which is ahead of it by then.
        DelayDeactivation(TimeSpan.Zero);
        return Task.CompletedTask;
    }
}
