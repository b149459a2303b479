using System.Diagnostics;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>The rules of a rollout. It alone admits and stops, so both are decided in one turn.</summary>
internal static class RolloutCore
{
    /// <summary>Devices in a shard: a record of about 100 KiB, which is written in a few milliseconds.</summary>
    public const int ShardSize = 1000;

    public static RolloutDecision Decide(RolloutState state, RolloutCommand command, DateTimeOffset now) => command switch
    {
        StartRollout s when state.Id is null => new([new RolloutStarted(s.Id, s.Request, s.ShardSizes, now)], []),
        StartRollout => RolloutDecision.Nothing,
        _ when state.Id is null => RolloutDecision.Nothing,
        CountShard c when c.Report.Version <= state.Shards[c.Report.Shard].Version => RolloutDecision.Nothing,
        CountShard c => Follow(state, now, new ShardCounted(c.Report)),
        TickRollout or WakeRollout when state.IsOver => RolloutDecision.Nothing,
        TickRollout => Tick(state, now),
        WakeRollout => new([], [.. Indexes(state, s => s.Counts.Open() > 0 || Owes(state, s)).Select(i => new DirectShard(i))]),

        PauseRollout => state.Status switch
        {
            RolloutStatus.Running => Follow(state, now, new RolloutStopping(StopReason.Operator, null)),
            RolloutStatus.Pausing or RolloutStatus.Paused => RolloutDecision.Nothing,
            _ => NotAllowed(state),
        },
        ResumeRollout => state.Status switch
        {
            // The last outcome of a phase may have stopped it: then the next phase is due.
            RolloutStatus.Paused => Follow(state, now, new RolloutResumed(now)),
            RolloutStatus.Running => RolloutDecision.Nothing,
            // Not every shard has confirmed the stop: resuming now could offer a device what is being taken back from it.
            _ => NotAllowed(state),
        },
        CancelRollout => state.Status switch
        {
            RolloutStatus.Cancelling or RolloutStatus.Cancelled => RolloutDecision.Nothing,
            RolloutStatus.Completed => NotAllowed(state),
            _ => Follow(state, now, new RolloutCancelling(StopReason.Operator, null)),
        },
        _ => throw new UnreachableException($"{command.GetType().Name} has no rule"),
    };

    public static RolloutState Apply(RolloutState state, RolloutEvent e) => e switch
    {
        RolloutStarted s => new()
        {
            Id = s.Id,
            Request = s.Request,
            Status = RolloutStatus.Running,
            Generation = 1,
            TargetSize = s.ShardSizes.Sum(),
            Shards = [.. s.ShardSizes.Select(size => new ShardSlot { Size = size, Counts = new() { Pending = size } })],
            GrantedAt = s.At,
            CreatedAt = s.At,
        },
        ShardCounted { Report: var r } => state with { Shards = state.Shards.SetItem(r.Shard, Count(state, state.Shards[r.Shard], r)) },
        AdmissionsGranted g => state with
        {
            Shards = g.Grants.Aggregate(state.Shards, (shards, grant) =>
                shards.SetItem(grant.Shard, shards[grant.Shard] with { Granted = shards[grant.Shard].Granted + grant.Count })),
            Carry = g.Carry,
            GrantedAt = g.At,
        },
        PhaseStarted p => state with { Phase = p.Phase },
        RolloutStopping s => state with
        {
            Status = RolloutStatus.Pausing,
            StopReason = s.Reason,
            StopDetail = s.Detail,
            Generation = state.Generation + 1,
        },
        RolloutPaused => state with { Status = RolloutStatus.Paused },
        RolloutResumed r => state with
        {
            Status = RolloutStatus.Running,
            Generation = state.Generation + 1,
            Overlooked = state.StopReason is StopReason.Operator ? state.Overlooked : state.Counts.Outcomes,
            StopReason = null,
            StopDetail = null,
            GrantedAt = r.At,
            Carry = 0,
        },
        RolloutCancelling c => state with
        {
            Status = RolloutStatus.Cancelling,
            StopReason = c.Reason,
            StopDetail = c.Detail,
            Generation = state.Generation + 1,
        },
        RolloutEnded d => state with { Status = d.Status, EndedAt = d.At },
        _ => throw new UnreachableException($"{e.GetType().Name} has no transition"),
    };

    /// <summary>What the rollout wants of the shard now.</summary>
    public static ShardOrder OrderFor(RolloutState state, int shard) => new(
        state.Generation,
        state.Status switch
        {
            RolloutStatus.Running => ShardOrderKind.Run,
            RolloutStatus.Cancelling or RolloutStatus.Cancelled => ShardOrderKind.Cancel,
            _ => ShardOrderKind.Stop,
        },
        state.Shards[shard].Granted);

    private static RolloutDecision Tick(RolloutState state, DateTimeOffset now)
    {
        var granted = state.Status is RolloutStatus.Running ? RolloutAdmission.Grant(state, now) : null;
        if (granted is not null) state = Apply(state, granted);
        return new(granted is null ? [] : [granted], [.. Indexes(state, s => Owes(state, s)).Select(i => new DirectShard(i))]);
    }

    /// <summary>The event, and what follows from it: the end, a gate, the next phase, the end of a stop.</summary>
    private static RolloutDecision Follow(RolloutState state, DateTimeOffset now, RolloutEvent first)
    {
        var events = ImmutableArray.CreateBuilder<RolloutEvent>();
        int generation = state.Generation;
        for (var e = first; e is not null; e = Consequence(state, now))
        {
            events.Add(e);
            state = Apply(state, e);
        }
        // A stop is told at once. Whatever else a shard is owed, the next tick tells it.
        return new(
            events.ToImmutable(),
            state.Generation == generation ? [] : [.. Indexes(state, s => Owes(state, s)).Select(i => new DirectShard(i))]);
    }

    private static RolloutEvent? Consequence(RolloutState state, DateTimeOffset now)
    {
        if (state.IsOver) return null;
        var counts = state.Counts;
        int ended = counts.Ended();
        if (ended == state.TargetSize)
            return new RolloutEnded(state.Status is RolloutStatus.Cancelling ? RolloutStatus.Cancelled : RolloutStatus.Completed, now);
        if (state.Status is RolloutStatus.Pausing && !state.Shards.Any(s => Owes(state, s))) return new RolloutPaused();
        if (state.Status is not RolloutStatus.Running) return null;
        if (RolloutGates.Evaluate(state.Request!.Plan.Gates, counts.Outcomes, state.Overlooked) is { } gate)
        {
            return gate.Action is GateAction.Abort
                ? new RolloutCancelling(gate.Reason, gate.Detail)
                : new RolloutStopping(gate.Reason, gate.Detail);
        }
        return ended >= state.SizeOfPhase(state.Phase) ? new PhaseStarted(state.Phase + 1) : null;
    }

    /// <summary>The shard has not done (or not said that it has done) what is wanted of it.</summary>
    private static bool Owes(RolloutState state, ShardSlot shard) => state.Status switch
    {
        RolloutStatus.Running => shard.Outstanding > 0,
        // One that has used up its grants and has nothing that is not started can offer nothing and take nothing back.
        RolloutStatus.Pausing =>
            (shard.Outstanding > 0 || shard.Counts.Queued > 0) && !(shard.Settled && shard.Generation == state.Generation),
        RolloutStatus.Cancelling => shard.Counts.Ended() < shard.Size,
        _ => false,
    };

    private static ShardSlot Count(RolloutState state, ShardSlot shard, ShardReport report) => shard with
    {
        Version = report.Version,
        Generation = report.Generation,
        Settled = report.Settled,
        Admitted = report.Admitted,
        Slots = report.Slots,
        Counts = report.Counts,
        // The stop took the unused rest of the grants away.
        Granted = report.Settled && report.Generation == state.Generation ? report.Admitted : shard.Granted,
    };

    private static RolloutDecision NotAllowed(RolloutState state) => new([], [], NotAllowedWhile: state.Status);

    private static IEnumerable<int> Indexes(RolloutState state, Func<ShardSlot, bool> which) =>
        Enumerable.Range(0, state.Shards.Length).Where(i => which(state.Shards[i]));
}
