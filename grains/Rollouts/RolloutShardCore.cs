using System.Diagnostics;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>The rules of a shard: it does what the rollout's last order says, takes what devices report, and keeps the deadlines.</summary>
internal static class RolloutShardCore
{
    /// <summary>
    /// How long a slot is leased from the last sign of progress. Devices report progress at least every 100 s while they work, and a
    /// restart takes a minute or two; what is silent for longer is asleep, switched off or lost, and must not hold up the others.
    /// </summary>
    public static readonly TimeSpan SlotLease = TimeSpan.FromMinutes(5);

    /// <summary>After this an unanswered call to a device is made again.</summary>
    public static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(10);

    /// <summary>Decides one command after the other, and at the end what the rollout must be told of it all together.</summary>
    public static (ShardState State, ShardDecision Decision) Run(ShardState state, IEnumerable<ShardCommand> commands, DateTimeOffset now)
    {
        var next = new ShardTransitions(state);
        var events = ImmutableArray.CreateBuilder<ShardEvent>();
        var effects = ImmutableArray.CreateBuilder<ShardEffect>();
        foreach (var command in commands)
        {
            var decision = Decide(next.State, command, now);
            foreach (var e in decision.Events) Add(e);
            effects.AddRange(decision.Effects);
        }
        if (CountSlots(next.State, now) is { } counted) Add(counted);
        // Before the first order there is no rollout yet that could be told.
        if (events.Count > 0 && next.State.Generation > 0 && Differ(state.ToReport(), next.State.ToReport()))
            Add(new StandingChanged(next.State.Version + 1));
        return (next.State, new(events.ToImmutable(), effects.ToImmutable()));

        void Add(ShardEvent e)
        {
            events.Add(e);
            next.Apply(e);
        }
    }

    private static bool Differ(ShardReport before, ShardReport after) =>
        !RolloutCounting.Same(before.Counts, after.Counts) || before with { Counts = after.Counts } != after;

    public static ShardDecision Decide(ShardState state, ShardCommand command, DateTimeOffset now) => command switch
    {
        OpenShard o when state.Generation == 0 => ShardDecision.Of(new ShardOpened(o.Assignment)),
        OpenShard => ShardDecision.Nothing,
        _ when state.Job is null => ShardDecision.Nothing,
        FollowOrder f => Follow(state, f.Order, now),
        AcceptReport r => state.IndexOf(r.Report.Thing) is var index and >= 0 ? Accept(state, index, r.Report) : ShardDecision.Nothing,
        AcceptOfferAnswer a => Accept(state, a, now),
        AcceptWithdrawAnswer w => Accept(state, w),
        AcceptCancelAnswer { Standing: { } standing } c => Accept(state, c.Index, standing),
        AcceptCancelAnswer c => Finish(state, c.Index, c.Number, JobOutcome.Cancelled, "cancelled before the offer came", now),
        AcceptReviewAnswer { Standing: { } standing } r => Accept(state, r.Index, standing),
        // Unknown although the device had it, and nobody has taken it back meanwhile: the device's record is gone.
        AcceptReviewAnswer r when state.Executions[r.Index].Asked is null =>
            Finish(state, r.Index, r.Number, JobOutcome.Removed, "the device does not know the execution any more", now),
        AcceptReviewAnswer => ShardDecision.Nothing,
        TickShard => Tick(state, now),
        WakeShard => AskAgain(state, now, unanswered: _ => true),
        _ => throw new UnreachableException($"{command.GetType().Name} has no rule"),
    };

    private static ShardDecision Follow(ShardState state, ShardOrder order, DateTimeOffset now)
    {
        if (order.Generation < state.Generation) return ShardDecision.Nothing;
        bool repeat = order.Generation == state.Generation;
        if (repeat && (order.Kind is not ShardOrderKind.Run || order.Allowance <= state.Allowance)) return ShardDecision.Nothing;
        var (events, effects) = order.Kind switch
        {
            ShardOrderKind.Run => Admit(state, order.Allowance, now),
            ShardOrderKind.Stop => WithdrawQueued(state, now),
            ShardOrderKind.Cancel => CancelAll(state, now),
            _ => throw new UnreachableException(),
        };
        return new([new OrderTaken(order), .. events], effects);
    }

    private static ShardDecision Admit(ShardState state, int allowance, DateTimeOffset now)
    {
        var admitted = Indexes(state, e => e.IsPending).Take(Math.Max(0, allowance - state.Admitted)).ToArray();
        return new(
            [.. admitted.Select(i => new DeviceAdmitted(i, now))],
            [.. admitted.Select(i => new SendOffer(i, state.Executions[i].Number + 1))]);
    }

    private static ShardDecision WithdrawQueued(ShardState state, DateTimeOffset now) =>
        Ask(state, e => e.Stage is JobStage.Queued, ShardAsk.Withdraw, now);

    private static ShardDecision CancelAll(ShardState state, DateTimeOffset now)
    {
        var (events, effects) = Ask(state, e => e.IsOpen, ShardAsk.Cancel, now);
        var never = Indexes(state, e => e.IsPending)
            .Select(i => new ExecutionFinished(i, JobOutcome.Cancelled, "cancelled before it was offered", 0, now));
        return new([.. events, .. never], effects);
    }

    private static ShardDecision Ask(ShardState state, Func<ShardExecution, bool> whom, ShardAsk ask, DateTimeOffset now)
    {
        var asked = Indexes(state, whom).ToArray();
        return new(
            [.. asked.Select(i => new DeviceAsked(i, ask, Again: false, now))],
            [.. asked.Select(i => Call(i, state.Executions[i].Number, ask))]);
    }

    private static ShardDecision Accept(ShardState state, int index, ExecutionReport report)
    {
        var execution = state.Executions[index];
        bool late = !execution.IsOpen || report.ExecutionNumber != execution.Number || report.Revision <= execution.Revision;
        // Queued says nothing that the answer to the offer does not.
        if (late || report.Stage is JobStage.Queued) return ShardDecision.Nothing;
        return ShardDecision.Of(report.Outcome is { } outcome
            ? new ExecutionFinished(index, outcome, report.Detail, report.Revision, report.StageEnteredAt)
            : new ExecutionAdvanced(index, report));
    }

    private static ShardDecision Accept(ShardState state, AcceptOfferAnswer answer, DateTimeOffset now) => answer.Answer switch
    {
        OfferResult.Queued => Current(state, answer.Index, answer.Number) is { Asked: ShardAsk.Offer }
            ? ShardDecision.Of(new DeviceAnswered(answer.Index, EndsStop: false))
            : ShardDecision.Nothing,
        OfferResult.AlreadyInstalled => Finish(state, answer.Index, answer.Number, JobOutcome.Succeeded, "already installed", now),
        OfferResult.Unfit unfit => Finish(state, answer.Index, answer.Number, JobOutcome.Removed, unfit.Reason, now),
        _ => throw new UnreachableException(),
    };

    private static ShardDecision Accept(ShardState state, AcceptWithdrawAnswer answer)
    {
        if (Current(state, answer.Index, answer.Number) is not { Asked: ShardAsk.Withdraw }) return ShardDecision.Nothing;
        return ShardDecision.Of(answer.Answer switch
        {
            WithdrawResult.Withdrawn => new OfferTakenBack(answer.Index),
            WithdrawResult.Started => new DeviceAnswered(answer.Index, EndsStop: true),
            _ => throw new UnreachableException(),
        });
    }

    private static ShardDecision Finish(ShardState state, int index, int number, JobOutcome outcome, string detail, DateTimeOffset now) =>
        Current(state, index, number) is { } execution
            ? ShardDecision.Of(new ExecutionFinished(index, outcome, detail, execution.Revision, now))
            : ShardDecision.Nothing;

    private static ShardDecision Tick(ShardState state, DateTimeOffset now)
    {
        var (events, effects) = AskAgain(state, now, at => IsDue(at, now));
        var reviews = Indexes(state, e => e is { IsOpen: true, Asked: null } && (e.ReviewedAt is not { } at || IsDue(at, now)))
            .Select(i => (Index: i, Execution: state.Executions[i]))
            .Select(x => (
                x.Index, x.Execution,
                Expired: now >= x.Execution.StageAt + DeadlineOf(state.Job!.Deadlines, x.Execution.Stage!.Value)))
            .Where(x => x.Expired || now >= x.Execution.ReviewAt)
            .ToArray();
        return new(
            [.. events, .. reviews.Select(x => new ReviewAsked(x.Index, now))],
            [.. effects, .. reviews.Select(x => new SendReview(x.Index, x.Execution.Number, x.Execution.Stage!.Value, x.Expired))]);
    }

    /// <summary>Also when the call lies in the future: then the clock was set back, and nothing is known of how long ago it was.</summary>
    private static bool IsDue(DateTimeOffset calledAt, DateTimeOffset now) => now - calledAt >= AskAgainAfter || now < calledAt;

    private static ShardDecision AskAgain(ShardState state, DateTimeOffset now, Func<DateTimeOffset, bool> unanswered)
    {
        var again = Indexes(state, e => e is { Asked: not null, AskedAt: { } at } && unanswered(at)).ToArray();
        return new(
            [.. again.Select(i => new DeviceAsked(i, state.Executions[i].Asked!.Value, Again: true, now))],
            [.. again.Select(i => Call(i, state.Executions[i].Number, state.Executions[i].Asked!.Value))]);
    }

    private static SlotsCounted? CountSlots(ShardState state, DateTimeOffset now)
    {
        int slots = 0;
        foreach (var execution in state.Executions)
        {
            if (execution.IsOpen && now - execution.ProgressAt < SlotLease) slots++;
        }
        return slots == state.Slots ? null : new(slots);
    }

    private static TimeSpan DeadlineOf(RolloutDeadlines deadlines, JobStage stage) => stage switch
    {
        JobStage.Queued => deadlines.Queued,
        JobStage.Downloading => deadlines.Downloading,
        JobStage.Installing => deadlines.Installing,
        JobStage.Confirming => deadlines.Confirming,
        _ => throw new UnreachableException(),
    };

    private static ShardEffect Call(int index, int number, ShardAsk ask) => ask switch
    {
        ShardAsk.Offer => new SendOffer(index, number),
        ShardAsk.Withdraw => new SendWithdraw(index, number),
        ShardAsk.Cancel => new SendCancel(index, number),
        _ => throw new UnreachableException(),
    };

    /// <summary>The execution if it is open and has this number; an answer to an older one is late.</summary>
    private static ShardExecution? Current(ShardState state, int index, int number) =>
        state.Executions[index] is { IsOpen: true } execution && execution.Number == number ? execution : null;

    // A loop: every tick of every shard looks at each of its thousand executions.
    private static List<int> Indexes(ShardState state, Func<ShardExecution, bool> which)
    {
        var found = new List<int>();
        for (int i = 0; i < state.Executions.Length; i++)
        {
            if (which(state.Executions[i])) found.Add(i);
        }
        return found;
    }
}
