using Fleet.Grains.Records;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// Who has a client id. The order matters: the old owner is stopped, the new one is stored, and only then is it told. A device's needs to
/// be in memory only while its client comes and goes: what counts is stored.
/// </summary>
[CollectionAgeLimit(Minutes = 2)]
internal sealed class SessionGrain(
    [PersistentState("session")] IPersistentState<SessionState> record, TimeProvider clock, ILogger<SessionGrain> log)
    : Grain, ISessionGrain
{
    /// <summary>How long a newcomer waits for the gateway that had the session before.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    /// <summary>The last that this activation gave; null: none yet.</summary>
    private SessionEpoch? _epoch;
    private string? _connectionId;
    private SessionLease? _lease;

    /// <summary>Nothing above it was given yet; null: nothing was, or its record was cleared.</summary>
    private SessionEpoch? LastEpoch => _epoch ?? record.State.EpochLimit;

    private SessionEpoch ClockEpoch => new(clock.GetUtcNow().ToUnixTimeSeconds());

    private string Key => this.GetPrimaryKeyString();

    /// <summary>A device's; the others come and go, and leave nothing behind.</summary>
    private bool IsDevice => !Key.Contains('/');

    public async Task<SessionLease> Open(SessionClaim claim)
    {
        if (_lease is not null && _connectionId == claim.ConnectionId) return _lease;
        var before = record.State;
        var epoch = SessionEpoch.Later(NextEpoch(), claim.Above?.Next);
        MovedSession? moved = null;
        // What was found out before somebody else was given the client id says nothing about them.
        string? found = claim.FoundEpoch == _epoch ? claim.Found : null;
        foreach (string holder in before.Holders(claim.GatewayId, found))
        {
            var taken = await TakeOver(holder, epoch, claim.CleanStart);
            if (taken is TakeOverResult.Lost)
            {
                // Whoever asks finds the session first, or the client would begin anew beside it. Until then the client id is where it was.
                _epoch = epoch;
                return new SessionLease(epoch, Lost: holder);
            }
            moved = (taken as TakeOverResult.Moved)?.Session;
            if (moved is not null) break;
        }

        bool stays = before.Gateway == claim.GatewayId, lost = !stays && before.Gateway is not null && before.Gateway == found;
        string? from = stays ? before.From : moved?.FromGateway ?? (found is null ? null : claim.From);
        var next = before.Covering(claim.GatewayId, epoch, claim.Will, from);
        if (next != before) await Save(next);
        (_epoch, _connectionId) = (epoch, claim.ConnectionId);
        _lease = new SessionLease(epoch, moved, lost ? before.Will : null, stays, From: stays ? from : null);
        // What is not stored otherwise is kept as long as it matters.
        if (!IsDevice) DelayDeactivation(TimeSpan.MaxValue);
        return _lease;
    }

    public async Task Close(string gatewayId, string connectionId)
    {
        if (!IsCurrent(gatewayId, connectionId)) return;
        _lease = null;
        _connectionId = null;
        if (IsDevice)
        {
            if (record.State is not { Will: null, From: null }) await Save(record.State with { Will = null, From = null });
            return;
        }
        // A newer record starts from the clock, which is ahead of these epochs, unless an activation was lost: the next one leaves out all
        // that it may have given.
        if (LastEpoch > ClockEpoch) await Save(new SessionState { EpochLimit = record.State.EpochLimit });
        else if (record.RecordExists) await record.ClearStateAsync();
        DelayDeactivation(TimeSpan.Zero);
    }

    public Task ForgetWill(string gatewayId, string connectionId) =>
        IsCurrent(gatewayId, connectionId) && record.State.Will is not null ? Save(record.State with { Will = null }) : Task.CompletedTask;

    public async Task<SessionWill?> GatewayLost(string gatewayId)
    {
        if (record.State is not { Will: { } will } || record.State.Gateway != gatewayId) return null;
        await Save(record.State with { Will = null });
        return will;
    }

    /// <summary>
    /// Above all that was ever given: by this activation, by those before it, and (a clock's second each) by records that were cleared.
    /// </summary>
    private SessionEpoch NextEpoch() => LastEpoch?.Next ?? ClockEpoch;

    /// <summary>An activation that has given nothing takes the gateway's word: it speaks of its latest session only.</summary>
    private bool IsCurrent(string gatewayId, string connectionId) =>
        _connectionId is { } current ? current == connectionId : record.State.Gateway == gatewayId;

    private async Task<TakeOverResult> TakeOver(string gateway, SessionEpoch epoch, bool discard)
    {
        try
        {
            return await GrainFactory.GetGrain<IGatewayGrain>(gateway).TakeOver(Key, epoch, discard).WaitAsync(Patience, clock);
        }
        catch (Exception e)
        {
            log.SessionLost(e, gateway, Key);
            return new TakeOverResult.Lost();
        }
    }

    private Task Save(SessionState next) => this.Save(record, next);
}
