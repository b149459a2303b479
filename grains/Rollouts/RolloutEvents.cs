using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

internal abstract record RolloutCommand;

/// <param name="ShardSizes">The target, cut into shards that have their devices already.</param>
internal sealed record StartRollout(RolloutId Id, RolloutRequest Request, ImmutableArray<int> ShardSizes) : RolloutCommand;

internal sealed record CountShard(ShardReport Report) : RolloutCommand;

internal sealed record PauseRollout : RolloutCommand;

internal sealed record ResumeRollout : RolloutCommand;

internal sealed record CancelRollout : RolloutCommand;

/// <summary>A second passed.</summary>
internal sealed record TickRollout : RolloutCommand;

/// <summary>The rollout is back: its shards may not be.</summary>
internal sealed record WakeRollout : RolloutCommand;

/// <summary>What happened in a rollout.</summary>
internal abstract record RolloutEvent;

internal sealed record RolloutStarted(RolloutId Id, RolloutRequest Request, ImmutableArray<int> ShardSizes, DateTimeOffset At)
    : RolloutEvent;

internal sealed record ShardCounted(ShardReport Report) : RolloutEvent;

/// <param name="Grants">By shard, how many more offers it may begin.</param>
/// <param name="Carry">What is left of the rate, a fraction of one.</param>
internal sealed record AdmissionsGranted(ImmutableArray<(int Shard, int Count)> Grants, double Carry, DateTimeOffset At) : RolloutEvent;

internal sealed record PhaseStarted(int Phase) : RolloutEvent;

/// <summary>From here on no shard may begin an offer.</summary>
internal sealed record RolloutStopping(StopReason Reason, string? Detail) : RolloutEvent;

internal sealed record RolloutPaused : RolloutEvent;

internal sealed record RolloutResumed(DateTimeOffset At) : RolloutEvent;

internal sealed record RolloutCancelling(StopReason Reason, string? Detail) : RolloutEvent;

/// <param name="Status">Completed or Cancelled.</param>
internal sealed record RolloutEnded(RolloutStatus Status, DateTimeOffset At) : RolloutEvent;

/// <summary>Tell the shard what the rollout wants of it now. An order says all of it, and its generation makes a repeat harmless.</summary>
internal sealed record DirectShard(int Shard);

internal sealed record RolloutDecision(
    ImmutableArray<RolloutEvent> Events, ImmutableArray<DirectShard> Effects, RolloutStatus? NotAllowedWhile = null)
{
    public static readonly RolloutDecision Nothing = new([], []);
}
