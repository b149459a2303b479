using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutCoreTests
{
    private static readonly DateTimeOffset Later = Given.Noon.AddMinutes(1);

    [Fact]
    public void The_next_phase_starts_when_every_device_of_this_one_has_an_outcome()
    {
        var state = Given.Running(Given.Plan with { Phases = [new(10), new(100)] }, 100);
        Assert.Equal(10, state.SizeOfPhase(0));
        Do(ref state, Report(0, 1, Given.Counts(90, downloading: 1, outcomes: (JobOutcome.Succeeded, 9))));
        Assert.Equal(0, state.Phase);
        var events = Do(ref state, Report(0, 2, Given.Counts(90, outcomes: (JobOutcome.Succeeded, 10)))).Events;
        Assert.Equal(new PhaseStarted(1), events[^1]);
    }

    [Fact]
    public void Phases_that_reach_no_further_device_are_passed_at_once()
    {
        var state = Given.Running(Given.Plan with { Phases = [new(1), new(2), new(20), new(100)] }, 5);
        Do(ref state, Report(0, 1, Given.Counts(4, outcomes: (JobOutcome.Succeeded, 1))));
        Assert.Equal(3, state.Phase);
    }

    [Theory, InlineData(7, 100, 7), InlineData(0.1, 100, 1), InlineData(33.3, 10, 4), InlineData(100, 3, 3)]
    public void A_phase_is_rounded_up_to_whole_devices_and_no_further(double percent, int target, int size) =>
        Assert.Equal(size, Given.Running(Given.Plan with { Phases = [new(percent), new(100)] }, target).SizeOfPhase(0));

    [Fact]
    public void A_repeated_or_overtaken_report_changes_nothing()
    {
        var state = Given.Running(Given.Plan, 10);
        Do(ref state, Report(0, 2, Given.Counts(9, outcomes: (JobOutcome.Succeeded, 1))));
        Assert.Empty(Do(ref state, Report(0, 2, Given.Counts(9, outcomes: (JobOutcome.Succeeded, 1)))).Events);
        Assert.Empty(Do(ref state, Report(0, 1, Given.Counts(10))).Events);
        Assert.Equal(1, state.Counts.Ended());
    }

    [Fact]
    public void It_is_completed_when_every_device_has_an_outcome_even_if_that_outcome_trips_a_gate()
    {
        var state = Given.Running(Given.Plan with { Gates = [new(GateFailure.Any, 1, 1, GateAction.Pause)] }, 1);
        Do(ref state, Report(0, 1, Given.Counts(outcomes: (JobOutcome.Failed, 1))));
        Assert.Equal((RolloutStatus.Completed, Later), (state.Status, state.EndedAt));
        Assert.Equal(RolloutStatus.Completed, Do(ref state, new CancelRollout()).NotAllowedWhile);
    }

    [Fact]
    public void A_gate_stops_it_with_the_numbers()
    {
        var state = Given.Running(Given.Plan with { Gates = [new(GateFailure.Any, 10, 10, GateAction.Pause)] }, 100);
        Do(ref state, Report(0, 1, Given.Counts(80, 11, outcomes: (JobOutcome.Succeeded, 9)), admitted: 20));
        Assert.Equal(RolloutStatus.Running, state.Status);
        var decision = Do(ref state, Report(0, 2, Given.Counts(80, 10, outcomes: [(JobOutcome.Succeeded, 9), (JobOutcome.RolledBack, 1)]), admitted: 20));
        Assert.Equal((RolloutStatus.Pausing, StopReason.Gate), (state.Status, state.StopReason));
        Assert.Equal("1 of 10 outcomes (10 %) count as 'any', the limit is 10 %.", state.StopDetail);
        // In the same turn: the shard is told, and nothing is granted any more.
        Assert.Equal<DirectShard>([new DirectShard(0)], decision.Effects);
        Assert.Equal(ShardOrderKind.Stop, RolloutCore.OrderFor(state, 0).Kind);
        Assert.DoesNotContain(RolloutCore.Decide(state, new TickRollout(), Later.AddHours(1)).Events, e => e is AdmissionsGranted);
    }

    [Fact]
    public void An_abort_gate_cancels()
    {
        var state = Given.Running(Given.Plan with { Gates = [new(GateFailure.Rejected, 50, 2, GateAction.Abort)] }, 4, 4);
        var decision = Do(ref state, Report(0, 1, Given.Counts(2, outcomes: (JobOutcome.Rejected, 2)), admitted: 2));
        Assert.Equal(RolloutStatus.Cancelling, state.Status);
        // Every shard, those that never offered anything too.
        Assert.Equal<DirectShard>([new DirectShard(0), new DirectShard(1)], decision.Effects);
        Do(ref state, Report(0, 2, Given.Counts(outcomes: [(JobOutcome.Rejected, 2), (JobOutcome.Cancelled, 2)]), generation: 2));
        Assert.Equal(RolloutStatus.Cancelling, state.Status);
        Do(ref state, Report(1, 1, Given.Counts(outcomes: (JobOutcome.Cancelled, 4)), generation: 2));
        Assert.Equal(RolloutStatus.Cancelled, state.Status);
    }

    [Fact]
    public void It_is_paused_only_when_every_shard_with_admissions_has_confirmed()
    {
        var state = Given.Running(Given.Plan with { Rate = Given.Plan.Rate with { BasePerMinute = 600, MaximumPerMinute = 600 } }, 4, 4, 4);
        Do(ref state, new TickRollout());
        Assert.Equal([4, 4, 3], state.Shards.Select(s => s.Granted));
        Do(ref state, Report(0, 1, Given.Counts(0, 4), admitted: 4));
        Do(ref state, Report(1, 1, Given.Counts(0, downloading: 4), admitted: 4));

        Assert.Equal<DirectShard>([new DirectShard(0), new DirectShard(2)], Do(ref state, new PauseRollout()).Effects);
        Do(ref state, Report(0, 2, Given.Counts(4), admitted: 4, generation: 2, settled: true));
        Assert.Equal(RolloutStatus.Pausing, state.Status);
        Assert.Equal(RolloutStatus.Pausing, Do(ref state, new ResumeRollout()).NotAllowedWhile);
        // An old report, of before the stop: it is late, and confirms nothing.
        Do(ref state, Report(2, 1, Given.Counts(1, 3), admitted: 3));
        Assert.Equal(RolloutStatus.Pausing, state.Status);
        Do(ref state, Report(2, 2, Given.Counts(4), admitted: 3, generation: 2, settled: true));
        Assert.Equal(RolloutStatus.Paused, state.Status);
        Assert.All(state.Shards, s => Assert.Equal(0, s.Outstanding));
    }

    [Fact]
    public void A_pause_with_nothing_under_way_is_complete_at_once_and_commands_may_be_repeated()
    {
        var state = Given.Running(Given.Plan, 4);
        Do(ref state, new PauseRollout());
        Assert.Equal(RolloutStatus.Paused, state.Status);
        Assert.Empty(Do(ref state, new PauseRollout()).Events);
        Do(ref state, new ResumeRollout());
        Assert.Equal((RolloutStatus.Running, null), (state.Status, state.StopReason));
        Assert.Empty(Do(ref state, new ResumeRollout()).Events);
        Do(ref state, new CancelRollout());
        Assert.Empty(Do(ref state, new CancelRollout()).Events);
        Assert.Equal(RolloutStatus.Cancelling, Do(ref state, new PauseRollout()).NotAllowedWhile);
    }

    [Fact]
    public void After_a_resume_gates_look_at_what_came_since()
    {
        var state = Given.Running(Given.Plan with { Gates = [new(GateFailure.Any, 50, 2, GateAction.Pause)] }, 10);
        Do(ref state, Report(0, 1, Given.Counts(8, outcomes: (JobOutcome.Failed, 2))));
        Assert.Equal(RolloutStatus.Paused, state.Status);
        Do(ref state, new ResumeRollout());
        Do(ref state, Report(0, 2, Given.Counts(7, outcomes: [(JobOutcome.Failed, 3)])));
        Assert.Equal(RolloutStatus.Running, state.Status);
        Do(ref state, Report(0, 3, Given.Counts(6, outcomes: [(JobOutcome.Failed, 4)])));
        Assert.Equal("2 of 2 outcomes (100 %) count as 'any', the limit is 50 %.", state.StopDetail);
    }

    [Fact]
    public void A_gate_that_tripped_on_a_phases_last_outcome_does_not_keep_the_next_one_from_starting_after_a_resume()
    {
        var state = Given.Running(Given.Plan with { Phases = [new(20), new(100)], Gates = [new(GateFailure.Any, 50, 2, GateAction.Pause)] }, 10);
        Do(ref state, Report(0, 1, Given.Counts(8, outcomes: (JobOutcome.Failed, 2))));
        Assert.Equal((RolloutStatus.Paused, 0), (state.Status, state.Phase));
        Do(ref state, new ResumeRollout());
        Assert.Equal((RolloutStatus.Running, 1), (state.Status, state.Phase));
    }

    [Fact]
    public void After_a_restart_open_shards_are_woken_and_what_is_over_stays_over()
    {
        var state = Given.Running(Given.Plan, 4, 4);
        Do(ref state, Report(0, 1, Given.Counts(3, downloading: 1), admitted: 1));
        Assert.Equal<DirectShard>([new DirectShard(0)], Do(ref state, new WakeRollout()).Effects);
        Do(ref state, Report(0, 2, Given.Counts(outcomes: (JobOutcome.Succeeded, 4))));
        Do(ref state, Report(1, 1, Given.Counts(outcomes: (JobOutcome.Succeeded, 4))));
        Assert.Empty(Do(ref state, new WakeRollout()).Effects);
    }

    private static CountShard Report(int shard, long version, RolloutCounts counts, int admitted = 0, int generation = 1, bool settled = false) =>
        new(Given.Counted(shard, version, counts, admitted, generation, settled));

    private static RolloutDecision Do(ref RolloutState state, RolloutCommand command)
    {
        var decision = RolloutCore.Decide(state, command, Later);
        state = decision.Events.Aggregate(state, RolloutCore.Apply);
        return decision;
    }
}
