using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutGatesTests
{
    private static readonly ImmutableSortedDictionary<JobOutcome, int> Outcomes = Given.Counts(outcomes:
        [(JobOutcome.Succeeded, 90), (JobOutcome.Rejected, 4), (JobOutcome.Failed, 3), (JobOutcome.TimedOutQueued, 1), (JobOutcome.TimedOutConfirming, 1), (JobOutcome.RolledBack, 1)]).Outcomes;

    [Theory]
    [InlineData(GateFailure.Any, 10), InlineData(GateFailure.Rejected, 4), InlineData(GateFailure.Failed, 3)]
    [InlineData(GateFailure.TimedOut, 2), InlineData(GateFailure.RolledBack, 1)]
    public void Each_kind_of_failure_trips_at_its_threshold_and_not_below(GateFailure failure, double percent)
    {
        Assert.Equal(StopReason.Gate, RolloutGates.Evaluate([new(failure, percent, 1, GateAction.Pause)], Outcomes, null)?.Reason);
        Assert.Null(RolloutGates.Evaluate([new(failure, percent + 0.01, 1, GateAction.Pause)], Outcomes, null));
    }

    [Fact]
    public void Below_the_minimum_sample_nothing_trips()
    {
        Assert.Null(RolloutGates.Evaluate([new(GateFailure.Any, 1, 101, GateAction.Pause)], Outcomes, null));
        Assert.NotNull(RolloutGates.Evaluate([new(GateFailure.Any, 1, 100, GateAction.Pause)], Outcomes, null));
    }

    [Fact]
    public void The_first_gate_that_trips_decides() =>
        Assert.Equal(GateAction.Abort, RolloutGates.Evaluate(
            [new(GateFailure.Failed, 99, 1, GateAction.Pause), new(GateFailure.Failed, 1, 1, GateAction.Abort), new(GateFailure.Any, 1, 1, GateAction.Pause)], Outcomes, null)!.Action);

    [Theory]
    [InlineData(double.NaN, 1), InlineData(0, 1), InlineData(-5, 1), InlineData(101, 1), InlineData(10, 0)]
    public void A_gate_that_cannot_be_evaluated_pauses(double percent, int minimum)
    {
        var tripped = RolloutGates.Evaluate([new(GateFailure.Any, percent, minimum, GateAction.Abort)], ImmutableSortedDictionary<JobOutcome, int>.Empty, null);
        Assert.Equal((GateAction.Pause, StopReason.GateUnevaluable), (tripped!.Action, tripped.Reason));
        Assert.NotNull(RolloutGates.Evaluate([new((GateFailure)99, 10, 1, GateAction.Pause)], Outcomes, null));
    }
}
