using System.Collections.Concurrent;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Connect;

/// <summary>Takes a client id for this gateway, and brings here the session that the client left at another one.</summary>
internal sealed class SessionAcquirer(
    IGrainFactory grains, GatewayIdentity gateway, SessionHandoff handoff, SessionTakeover takeover, Fences fences, Broker broker,
    IOptions<AdmissionOptions> options, GatewayClock clock, ILogger<SessionAcquirer> log)
{
    /// <summary>Until a gateway that has just been killed is known to be dead, and another has its sessions.</summary>
    private const long PatienceMs = 12_000;

    /// <summary>Less than half of the connections that may be between accept and CONNACK: all others come in meanwhile.</summary>
    private readonly int _maxWaiting = options.Value.MaxAwaitingConnect * 2 / 5;

    /// <summary>No session outlives its connection by more (<c>MaxSessionExpirySeconds</c>): then there is none to be found.</summary>
    private const long UnsettledMs = 604_800_000;

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(100), OpenAgainAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Clients whose last CONNECT, of this epoch, came to nothing before their session was found: the client id is here, and the session is
    /// not.
    /// </summary>
    private readonly ConcurrentDictionary<string, (SessionEpoch Epoch, long Until)> _unsettled = new(StringComparer.Ordinal);

    private int _waiting;

    /// <summary>Takes the client id. If the gateway that has it does not answer, waits for that one, or its successor.</summary>
    /// <returns>Null: where the session is cannot be known yet, and beginning anew beside it would lose what it is owed.</returns>
    public async Task<SessionLease?> Open(string key, SessionClaim claim, ConnectWait wait)
    {
        if (await TryOpen(key, claim) is { } at) return at;
        long startedAt = clock.NowMs;
        wait.Begins(startedAt);
        bool mayWait = Interlocked.Increment(ref _waiting) <= _maxWaiting;
        try
        {
            while (mayWait && clock.NowMs - startedAt < PatienceMs)
            {
                await Task.Delay(OpenAgainAfter, clock.Time);
                // Its client may have come again: this one would take the client id from that.
                if (wait.IsInVain) return null;
                if (await TryOpen(key, claim) is { } lease) return lease;
            }
            return null;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
            wait.Ends(clock.NowMs);
        }
    }

    private async Task<SessionLease?> TryOpen(string key, SessionClaim claim)
    {
        var session = grains.GetGrain<ISessionGrain>(key);
        claim = claim with { Above = fences.EpochOf(key) };
        var lease = await session.Open(claim);
        if (lease.Lost is not { } lost) return lease;
        var found = await takeover.TakeOverFromLost(key, lease, claim.CleanStart);
        if (found is FoundSession.NotYet) return null;
        string? from = (found as FoundSession.Found)?.Moved?.FromGateway;
        lease = await session.Open(claim with { Found = lost, FoundEpoch = lease.Epoch, From = from });
        if (lease.Lost is not null) return null;
        // What is found has its will with it.
        return found is FoundSession.Found { Moved: var moved } ? lease with { Moved = lease.Moved ?? moved, UnsentWill = null } : lease;
    }

    /// <summary>Brings here what the client left at another gateway: from then on its session is one whose client is away.</summary>
    /// <returns>False: where the session is cannot be known yet, and beginning anew beside it would lose what it is owed.</returns>
    public async Task<bool> TakeOver(SessionIdentity identity, SessionLease lease, bool cleanStart)
    {
        if (_unsettled.ContainsKey(identity.Key)) lease = lease with { Stayed = false };
        var mark = (identity.Epoch, clock.NowMs + UnsettledMs);
        _unsettled[identity.Key] = mark;
        if (!await TryTakeOver(identity, lease, cleanStart)) return false;
        _unsettled.TryRemove(new(identity.Key, mark));
        return true;
    }

    /// <summary>Forgets clients that are elsewhere by now, and those whose session is over wherever it is.</summary>
    public void Sweep(long now)
    {
        foreach (var unsettled in _unsettled)
        {
            if (unsettled.Value.Until < now || fences.EpochOf(unsettled.Key) > unsettled.Value.Epoch) _unsettled.TryRemove(unsettled);
        }
    }

    private async Task<bool> TryTakeOver(SessionIdentity identity, SessionLease lease, bool cleanStart)
    {
        if (lease.UnsentWill is { } unsent) _ = broker.Publish(PeerMessages.ToPublication(unsent, clock.NowMs), identity.Principal);
        if (lease.Moved is null && cleanStart)
        {
            await handoff.Discard(identity.Key, identity.Epoch);
            return true;
        }
        if (lease.Moved is null && !await handoff.ComeBack(identity.Key, identity.Epoch, isLast: lease.From is null)) return false;
        var found = lease.Moved is { } leased ? new FoundSession.Found(leased)
            : lease.From is { } from ? await takeover.TakeOverFrom(from, identity.Key, lease)
            : lease.Stayed ? new FoundSession.None() : await takeover.TakeOverStored(identity.Key, lease);
        if (lease.From is not null && found is FoundSession.None) return await handoff.ComeBack(identity.Key, identity.Epoch, isLast: true);
        while (found is FoundSession.Found { Moved: { } moved })
        {
            if (await handoff.Begin(identity, moved) is not { } inbound) return handoff.Has(identity.Key);
            if (await Collect(inbound) is { } messages)
            {
                // What is noted between two lives of the gateway is never stored.
                await gateway.Begun;
                handoff.Accept(inbound, messages);
                return true;
            }
            // A newer connection has it, unless the gateway that had it is dead: then the store knows which one has it now.
            bool overtaken = inbound.Done.Task.IsCompleted;
            handoff.Abandon(inbound);
            if (overtaken) return false;
            log.SessionNotMoved(identity.Key, moved.FromGateway);
            found = await takeover.TakeOverFromLost(identity.Key, lease with { Lost = moved.FromGateway }, discard: false);
        }
        return found is not FoundSession.NotYet;
    }

    /// <summary>
    /// The messages of a session that another gateway hands over; null if there are none any more. While that gateway lives, it has them:
    /// it is asked until it answers. A client that does not wait for it finds its session on its way here with its next CONNECT.
    /// </summary>
    private async Task<MovedMessages?> Collect(InboundHandoff inbound)
    {
        string key = inbound.Session.Identity.Key;
        for (bool again = false; !inbound.Done.Task.IsCompleted; again = true)
        {
            if (again) await Task.Delay(AskAgainAfter, clock.Time);
            try
            {
                return await grains.GetGrain<IGatewayGrain>(inbound.From).Collect(key, inbound.Epoch, gateway.Id);
            }
            catch (Exception e)
            {
                if (!again) log.SessionNotCollected(key, inbound.From, e);
            }
        }
        return null;
    }
}

/// <summary>A CONNECT's wait for a gateway that does not answer. Instants are monotonic milliseconds.</summary>
/// <param name="hasEnded">Whether the connection is over.</param>
internal sealed class ConnectWait(Func<bool> hasEnded)
{
    private long? _begunAt, _endedAt;

    public bool IsInVain => hasEnded();

    public void Begins(long now) => _begunAt = now;

    public void Ends(long now) => _endedAt = now;

    /// <summary>How long it has lasted by now: that another gateway is dead does not make this one late.</summary>
    public TimeSpan Lasted(long now) => TimeSpan.FromMilliseconds(_begunAt is { } begun ? (_endedAt ?? now) - begun : 0);
}
