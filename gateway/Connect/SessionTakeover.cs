using Fleet.Gateway.Directory;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Connect;

/// <summary>What was found of a session whose gateway is lost.</summary>
internal abstract record FoundSession
{
    private FoundSession() { }

    /// <summary>There is none: its client begins anew.</summary>
    public sealed record None : FoundSession;

    /// <summary>It is here, or comes here, or was ended.</summary>
    /// <param name="Moved">What another gateway hands over; null if nothing has to.</param>
    public sealed record Found(MovedSession? Moved) : FoundSession;

    /// <summary>It is at a gateway that does not answer. Its client must not begin anew beside it.</summary>
    public sealed record NotYet : FoundSession;
}

/// <summary>Takes over the session of a client whose gateway is dead, or does not answer: the store knows who has it.</summary>
internal sealed class SessionTakeover(
    ISessionStore store, IGrainFactory grains, GatewayIdentity gateway, SessionDirectory directory, ISessionArrivals arrivals,
    SessionHandoff handoff, GatewayClock clock, ILogger<SessionTakeover> log)
{
    /// <summary>
    /// How long a client waits for the successor of a gateway that is known to be dead, because it ended in good order, say.
    /// </summary>
    private const int SuccessorPatience = 20;

    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(100);

    /// <param name="lease">That named the lost gateway.</param>
    /// <param name="discard">Clean start: what is found ends.</param>
    public async Task<FoundSession> TakeOverFromLost(string key, SessionLease lease, bool discard)
    {
        for (int looks = 1; ; looks++)
        {
            if (await FindOwner(key) is not { } owner) return new FoundSession.None();
            // While it lives, it may be about to have the session, wherever that is now, and its client beside this one.
            bool isLive = !arrivals.IsPredecessor(lease.Lost!) && await grains.GetGrain<IGatewayGrain>(lease.Lost!).IsLive();
            var found = isLive ? new FoundSession.NotYet() : await TryTakeOver(key, owner, lease, discard);
            if (found is not FoundSession.NotYet) return found;
            if (isLive || looks >= SuccessorPatience)
            {
                log.SessionNotFound(key, lease.Lost!);
                return found;
            }
            await Task.Delay(LookAgainAfter, clock.Time);
        }
    }

    /// <summary>
    /// A session that was last to come here from another gateway: if it has never arrived, that one has it still, or whoever has its
    /// sessions.
    /// </summary>
    public async Task<FoundSession> TakeOverFrom(string from, string key, SessionLease lease)
    {
        if (directory.Find(key) is not null) return new FoundSession.Found(null);
        var found = await TakeOver(from, key, lease.Epoch, discard: false);
        return found is FoundSession.NotYet ? await TakeOverFromLost(key, lease with { Lost = from }, discard: false) : found;
    }

    /// <summary>A session that the lease does not know of: a connection that came to nothing has given it back, say.</summary>
    public async Task<FoundSession> TakeOverStored(string key, SessionLease lease) =>
        await FindOwner(key) is { } owner && owner != gateway.Id ? await TakeOverFrom(owner, key, lease) : new FoundSession.None();

    /// <summary>A gateway that cannot say yet, because not all that the session is owed has come, is as one that does not answer.</summary>
    private async Task<FoundSession> TakeOver(string owner, string key, SessionEpoch epoch, bool discard)
    {
        try
        {
            return await grains.GetGrain<IGatewayGrain>(owner).TakeOver(key, epoch, discard) switch
            {
                TakeOverResult.Moved moved => new FoundSession.Found(moved.Session),
                TakeOverResult.Nothing => new FoundSession.None(),
                _ => new FoundSession.NotYet(),
            };
        }
        catch (Exception)
        {
            return new FoundSession.NotYet();
        }
    }

    private async ValueTask<string?> FindOwner(string key) =>
        directory.Find(key) is not null ? gateway.Id : await store.FindGateway(key, CancellationToken.None);

    private async Task<FoundSession> TryTakeOver(string key, string owner, SessionLease lease, bool discard)
    {
        if (directory.Find(key) is not null) return new FoundSession.Found(null);
        if (owner == gateway.Id && !arrivals.IsLoading)
        {
            if (!await handoff.ComeBack(key, lease.Epoch, isLast: true)) return new FoundSession.NotYet();
            return directory.Find(key) is null ? new FoundSession.None() : new FoundSession.Found(null);
        }
        if (owner == gateway.Id || owner == lease.Lost) return new FoundSession.NotYet();
        var found = await TakeOver(owner, key, lease.Epoch, discard);
        return discard && found is FoundSession.None ? new FoundSession.Found(null) : found;
    }
}
