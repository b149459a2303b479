using Fleet.Grains.Messaging;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>
/// What the grain of a client id does around <see cref="SessionState"/>: one call at a time; a record that cannot be saved ends the
/// activation, whether or not it landed.
/// </summary>
internal sealed class HandoffLease(HandoffWorld world, string key)
{
    private Task _last = Task.CompletedTask;
    private SessionState _record = new();
    private long _epoch;
    private string? _sessionId;
    private SessionLease? _lease;

    public async Task<SessionLease> Open(SessionClaim claim)
    {
        var (before, mine) = (_last, new TaskCompletionSource());
        _last = mine.Task;
        await before;
        try { return await OpenNow(claim); }
        finally { mine.SetResult(); }
    }

    private async Task<SessionLease> OpenNow(SessionClaim claim)
    {
        if (_lease is not null && _sessionId == claim.SessionId) return _lease;
        var before = _record;
        long epoch = _epoch > 0 ? _epoch + 1 : before.EpochLimit > 0 ? before.EpochLimit + 1 : 1;
        MovedSession? moved = null;
        string? found = claim.FoundEpoch == _epoch ? claim.Found : null;
        foreach (string holder in before.Holders(claim.GatewayId, found))
        {
            try { moved = await world.Call(holder, gateway => gateway.TakeOver(key, epoch)); }
            catch (TimeoutException)
            {
                _epoch = epoch;
                world.Log(key, $"epoch {epoch} for {claim.GatewayId}: {holder} is lost");
                return new SessionLease(epoch, Lost: holder);
            }
            if (moved is not null) break;
        }
        bool stays = before.Gateway == claim.GatewayId;
        string? from = stays ? before.From : moved?.FromGateway ?? (found is null ? null : claim.From);
        var next = before.Covering(claim.GatewayId, epoch, null, from);
        if (next != before)
        {
            bool fails = world.Turns.Chance(world.Faults.StoreFails);
            if (!fails || world.Turns.Chance(0.5)) _record = next;
            if (fails)
            {
                (_epoch, _sessionId, _lease) = (0, null, null);
                throw new TimeoutException("The record was not saved.");
            }
        }
        (_epoch, _sessionId) = (epoch, claim.SessionId);
        world.Log(key, $"epoch {epoch} for {claim.GatewayId}, moved from {moved?.FromGateway}, stays {stays}, from {from}");
        return _lease = new SessionLease(epoch, moved, null, stays, From: stays ? from : null);
    }
}
