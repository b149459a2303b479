using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutShardCoreTests
{
    private DateTimeOffset _now = Given.Noon;
    private ShardState _state = ShardTransitions.Apply(new(), new ShardOpened(Given.Assignment(5)));

    [Fact]
    public void It_offers_as_many_as_its_allowance_in_order()
    {
        Assert.Equal<ShardEffect>([new SendOffer(0, 1), new SendOffer(1, 1)], Do(Order(1, ShardOrderKind.Run, 2)).Effects);
        Assert.Equal((3, 2, 2, 2), (_state.ToReport().Counts.Pending, _state.ToReport().Counts.Queued, _state.Admitted, _state.Slots));
        // A repeat offers nothing, and a higher allowance the rest of it.
        Assert.Empty(Do(Order(1, ShardOrderKind.Run, 2)).Events);
        Assert.Equal<ShardEffect>([new SendOffer(2, 1)], Do(Order(1, ShardOrderKind.Run, 3)).Effects);
    }

    [Fact]
    public void A_stop_takes_back_what_has_not_started_and_makes_late_orders_harmless()
    {
        Do(Order(1, ShardOrderKind.Run, 3));
        Do(new AcceptOfferAnswer(0, 1, new OfferResult.Queued()), Report(1, 2, JobStage.Downloading));
        Assert.Equal<ShardEffect>([new SendWithdraw(0, 1), new SendWithdraw(2, 1)], Do(Order(2, ShardOrderKind.Stop)).Effects);
        Assert.False(_state.ToReport().Settled);
        Assert.Empty(Do(Order(1, ShardOrderKind.Run, 5)).Events);

        Do(new AcceptWithdrawAnswer(0, 1, WithdrawResult.Withdrawn));
        Assert.False(_state.ToReport().Settled);
        // The device had started while the withdrawal was on its way.
        Do(new AcceptWithdrawAnswer(2, 1, WithdrawResult.Started));
        Assert.True(_state.ToReport().Settled);
        Assert.Equal((3, 1, 1), (_state.ToReport().Counts.Pending, _state.ToReport().Counts.Downloading, _state.ToReport().Counts.Queued));

        // Taken back, it is offered again under the next number.
        Assert.Equal<ShardEffect>([new SendOffer(0, 2)], Do(Order(3, ShardOrderKind.Run, 4)).Effects);
        // The answer to the first offer comes late.
        Assert.Empty(Do(new AcceptOfferAnswer(0, 1, new OfferResult.Unfit("x"))).Events);
    }

    [Fact]
    public void An_allowance_that_a_stop_took_away_does_not_come_back()
    {
        Do(Order(1, ShardOrderKind.Run, 2));
        Do(Order(2, ShardOrderKind.Stop, 4));
        Assert.Equal(2, _state.Allowance);
    }

    [Fact]
    public void A_report_that_shows_the_start_settles_a_withdrawal()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(Order(2, ShardOrderKind.Stop));
        Do(Report(0, 2, JobStage.Downloading));
        Assert.True(_state.ToReport().Settled);
        Assert.Empty(Do(new AcceptWithdrawAnswer(0, 1, WithdrawResult.Withdrawn)).Events);
    }

    [Fact]
    public void Late_repeated_and_foreign_reports_change_nothing()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(Report(0, 3, JobStage.Installing));
        Assert.Empty(Do(Report(0, 3, JobStage.Installing)).Events);
        Assert.Empty(Do(Report(0, 2, JobStage.Downloading)).Events);
        Assert.Empty(Do(Report(0, 9, JobStage.Ended, JobOutcome.Failed, number: 2)).Events);
        Assert.Empty(Do(Report(4, 9, JobStage.Ended, JobOutcome.Failed)).Events);
        Do(Report(0, 4, JobStage.Ended, JobOutcome.Succeeded));
        Assert.Empty(Do(Report(0, 5, JobStage.Ended, JobOutcome.Failed)).Events);
        Assert.Equal(JobOutcome.Succeeded, _state.Executions[0].Outcome);
    }

    [Fact]
    public void Answers_to_offers_that_need_no_run_are_outcomes()
    {
        Do(Order(1, ShardOrderKind.Run, 2));
        Do(
            new AcceptOfferAnswer(0, 1, new OfferResult.AlreadyInstalled()),
            new AcceptOfferAnswer(1, 1, new OfferResult.Unfit("not registered")));
        Assert.Equal([JobOutcome.Succeeded, JobOutcome.Removed], _state.Executions.Take(2).Select(e => e.Outcome!.Value));
        Assert.Equal("not registered", _state.Executions[1].Detail);
    }

    [Fact]
    public void A_cancel_ends_what_waits_at_once_and_asks_the_others_until_they_answer()
    {
        Do(Order(1, ShardOrderKind.Run, 2));
        Do(Report(1, 2, JobStage.Downloading));
        Assert.Equal<ShardEffect>([new SendCancel(0, 1), new SendCancel(1, 1)], Do(Order(2, ShardOrderKind.Cancel)).Effects);
        Assert.Equal(3, _state.ToReport().Counts.Outcomes[JobOutcome.Cancelled]);
        Do(new AcceptCancelAnswer(0, 1, null));
        Assert.Empty(After(9).Effects);
        Assert.Equal<ShardEffect>([new SendCancel(1, 1)], After(1).Effects);
        // It had ended in its own way before.
        Do(new AcceptCancelAnswer(1, 1, Report(1, 3, JobStage.Ended, JobOutcome.RolledBack).Report));
        Assert.Equal((4, 1), (_state.ToReport().Counts.Outcomes[JobOutcome.Cancelled], _state.ToReport().Counts.Outcomes[JobOutcome.RolledBack]));
        Assert.True(_state.IsOver);
    }

    [Fact]
    public void What_was_not_answered_is_asked_again_and_after_a_restart_at_once()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Assert.Empty(After(9).Effects);
        Assert.Equal<ShardEffect>([new SendOffer(0, 1)], After(1).Effects);
        Assert.Equal<ShardEffect>([new SendOffer(0, 1)], Do(new WakeShard()).Effects);
        Do(new AcceptOfferAnswer(0, 1, new OfferResult.Queued()));
        Assert.Empty(Do(new WakeShard()).Effects);
    }

    [Theory]
    [InlineData(JobStage.Queued, 3600), InlineData(JobStage.Downloading, 1800), InlineData(JobStage.Installing, 1200), InlineData(JobStage.Confirming, 600)]
    public void Each_stage_has_its_deadline_from_when_it_was_entered(JobStage stage, int seconds)
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(new AcceptOfferAnswer(0, 1, new OfferResult.Queued()));
        if (stage > JobStage.Queued) Do(Report(0, 2, stage));
        Assert.Empty(After(seconds - 1).Effects);
        Assert.Equal<ShardEffect>([new SendReview(0, 1, stage, Expired: true)], After(1).Effects);
        // The device did not answer; it is asked again.
        Assert.Empty(After(5).Effects);
        Assert.Single(After(5).Effects);
        Do(new AcceptReviewAnswer(0, 1, Report(0, 9, JobStage.Ended, JobOutcome.TimedOutQueued).Report));
        Assert.Equal(JobOutcome.TimedOutQueued, _state.Executions[0].Outcome);
    }

    [Fact]
    public void A_clock_that_was_set_back_does_not_hold_up_what_is_asked_again()
    {
        Do(Order(1, ShardOrderKind.Run, 2));
        Do(new AcceptReport(Report(1, 2, JobStage.Confirming).Report with { ReviewAt = _now.AddHours(-2) }));
        Assert.Equal<ShardEffect>([new SendReview(1, 1, JobStage.Confirming, Expired: false)], After(0).Effects);
        Assert.Equal<ShardEffect>([new SendOffer(0, 1), new SendReview(1, 1, JobStage.Confirming, Expired: false)], After(-3600).Effects);
        // Once: from then on the clock as it is counts.
        Assert.Empty(After(9).Effects);
    }

    [Fact]
    public void A_device_that_will_have_been_healthy_for_long_enough_is_asked_then()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(new AcceptReport(Report(0, 2, JobStage.Confirming).Report with { ReviewAt = _now.AddSeconds(300) }));
        Assert.Empty(After(299).Effects);
        Assert.Equal<ShardEffect>([new SendReview(0, 1, JobStage.Confirming, Expired: false)], After(1).Effects);
    }

    [Fact]
    public void An_execution_that_its_device_does_not_know_any_more_is_removed()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(Report(0, 2, JobStage.Downloading));
        Do(new AcceptReviewAnswer(0, 1, null));
        Assert.Equal(JobOutcome.Removed, _state.Executions[0].Outcome);
    }

    [Fact]
    public void A_silent_device_gives_its_slot_back_and_takes_it_again_when_it_is_heard()
    {
        Do(Order(1, ShardOrderKind.Run, 2));
        After(200);
        Do(Report(0, 2, JobStage.Downloading));
        After(100);
        Assert.Equal(1, _state.Slots);
        After(200);
        Assert.Equal(0, _state.Slots);
        Do(Report(1, 2, JobStage.Downloading));
        Assert.Equal((1, 0), (_state.Slots, _state.ToReport().Counts.Ended()));
    }

    [Fact]
    public void The_rollout_is_told_when_something_it_counts_has_changed_and_only_then()
    {
        Do(Order(1, ShardOrderKind.Run, 1));
        long version = _state.Version;
        Do(new AcceptOfferAnswer(0, 1, new OfferResult.Queued()));
        Assert.Equal(version, _state.Version);
        Do(Report(0, 2, JobStage.Downloading), Report(0, 3, JobStage.Installing));
        Assert.Equal(version + 1, _state.Version);
    }

    [Fact]
    public void An_assignment_can_be_replaced_until_the_first_order()
    {
        Do(new OpenShard(Given.Assignment(3)));
        Assert.Equal(3, _state.Executions.Length);
        Do(Order(1, ShardOrderKind.Run, 1));
        Do(new OpenShard(Given.Assignment(5)));
        Assert.Equal((3, 1), (_state.Executions.Length, _state.Admitted));
    }

    private static FollowOrder Order(int generation, ShardOrderKind kind, int allowance = 0) => new(new(generation, kind, allowance));

    private AcceptReport Report(int thing, long revision, JobStage stage, JobOutcome? outcome = null, int number = 1) =>
        new(new(Given.Job, Given.Thing(thing), number, revision, stage, outcome, null, _now, _now, null));

    private ShardDecision Do(params ShardCommand[] commands)
    {
        (_state, var decision) = RolloutShardCore.Run(_state, commands, _now);
        return decision;
    }

    private ShardDecision After(int seconds)
    {
        _now += TimeSpan.FromSeconds(seconds);
        return Do(new TickShard());
    }
}
