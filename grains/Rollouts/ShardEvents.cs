using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

internal abstract record ShardCommand;

internal sealed record OpenShard(ShardAssignment Assignment) : ShardCommand;

internal sealed record FollowOrder(ShardOrder Order) : ShardCommand;

internal sealed record AcceptReport(ExecutionReport Report) : ShardCommand;

internal sealed record AcceptOfferAnswer(int Index, int Number, OfferResult Answer) : ShardCommand;

internal sealed record AcceptWithdrawAnswer(int Index, int Number, WithdrawResult Answer) : ShardCommand;

/// <param name="Standing">Null when the device does not know the execution, or knows that it was taken back.</param>
internal sealed record AcceptCancelAnswer(int Index, int Number, ExecutionReport? Standing) : ShardCommand;

/// <inheritdoc cref="AcceptCancelAnswer"/>
internal sealed record AcceptReviewAnswer(int Index, int Number, ExecutionReport? Standing) : ShardCommand;

/// <summary>A second passed.</summary>
internal sealed record TickShard : ShardCommand;

/// <summary>The shard is back: whatever it had asked for, the answers went to its predecessor.</summary>
internal sealed record WakeShard : ShardCommand;

/// <summary>What happened in a shard.</summary>
internal abstract record ShardEvent
{
    /// <summary>False for what may be lost with the process: it is stored with the next event that may not.</summary>
    public virtual bool IsDurable => true;
}

internal sealed record ShardOpened(ShardAssignment Assignment) : ShardEvent;

internal sealed record OrderTaken(ShardOrder Order) : ShardEvent;

/// <summary>The device gets the job: from here on it counts as queued, whether the offer has reached it or not.</summary>
internal sealed record DeviceAdmitted(int Index, DateTimeOffset At) : ShardEvent;

/// <param name="Ask">Another one than before, or the same one again.</param>
internal sealed record DeviceAsked(int Index, ShardAsk Ask, bool Again, DateTimeOffset At) : ShardEvent
{
    public override bool IsDurable => !Again;
}

/// <summary>The device has the offer; or it has started, and cannot be taken back.</summary>
/// <param name="EndsStop">A stop waited for it.</param>
internal sealed record DeviceAnswered(int Index, bool EndsStop) : ShardEvent
{
    public override bool IsDurable => EndsStop;
}

internal sealed record ExecutionAdvanced(int Index, ExecutionReport Report) : ShardEvent;

internal sealed record ExecutionFinished(int Index, JobOutcome Outcome, string? Detail, long Revision, DateTimeOffset At) : ShardEvent;

/// <summary>The offer was taken back: the device waits to be admitted again.</summary>
internal sealed record OfferTakenBack(int Index) : ShardEvent;

internal sealed record ReviewAsked(int Index, DateTimeOffset At) : ShardEvent
{
    public override bool IsDurable => false;
}

internal sealed record SlotsCounted(int Slots) : ShardEvent;

/// <summary>What the rollout is told differs from what it was told before.</summary>
internal sealed record StandingChanged(long Version) : ShardEvent;

/// <summary>A call to a device; its answer comes back as a command. Index and number are its id: a repeat is harmless.</summary>
internal abstract record ShardEffect(int Index, int Number);

internal sealed record SendOffer(int Index, int Number) : ShardEffect(Index, Number);

internal sealed record SendWithdraw(int Index, int Number) : ShardEffect(Index, Number);

internal sealed record SendCancel(int Index, int Number) : ShardEffect(Index, Number);

internal sealed record SendReview(int Index, int Number, JobStage Stage, bool Expired) : ShardEffect(Index, Number);

internal sealed record ShardDecision(ImmutableArray<ShardEvent> Events, ImmutableArray<ShardEffect> Effects)
{
    public static readonly ShardDecision Nothing = new([], []);

    public static ShardDecision Of(ShardEvent e) => new([e], []);
}
