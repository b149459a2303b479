using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutAdmissionTests
{
    [Theory, InlineData(1), InlineData(50), InlineData(60), InlineData(100), InlineData(6000)]
    public void In_the_long_run_as_many_as_the_rate_says_and_never_more_than_a_ticks_due_at_once(int perMinute)
    {
        var state = Given.Running(Given.Plan with { Rate = Rate(perMinute), ConcurrencyTotal = 1_000_000 }, 1_000_000);
        int most = 0;
        for (int second = 1; second <= 600; second++)
        {
            int before = state.Shards[0].Granted;
            state = Tick(state, second);
            most = Math.Max(most, state.Shards[0].Granted - before);
            state = Use(state, second);
        }
        Assert.InRange(state.Shards[0].Granted, perMinute * 10 - 1, perMinute * 10);
        Assert.True(most <= perMinute / 60.0 + 1, $"{most} at once");
    }

    [Fact]
    public void Time_in_which_nothing_could_be_admitted_is_not_made_up_for()
    {
        var state = Tick(Given.Running(Given.Plan with { Rate = Rate(600), ConcurrencyTotal = 100_000 }, 10_000), 3600);
        Assert.Equal(11, state.Shards[0].Granted);
    }

    [Fact]
    public void A_clock_that_was_set_back_does_not_hold_up_admission()
    {
        var state = Tick(Given.Running(Given.Plan with { Rate = Rate(600), ConcurrencyTotal = 100_000 }, 10_000), 3600);
        state = Use(state, 3600);
        var granted = RolloutAdmission.Grant(state, Given.Noon.AddSeconds(60))!;
        Assert.Equal((11, Given.Noon.AddSeconds(60)), (granted.Grants.Sum(g => g.Count), granted.At));
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(999, 50)]
    [InlineData(1000, 100)]
    [InlineData(2000, 200)]
    [InlineData(3000, 300)]
    [InlineData(1_000_000, 300)]
    public void The_rate_grows_with_success_up_to_its_maximum(int succeeded, int perMinute)
    {
        var rate = new RolloutRate { BasePerMinute = 50, IncrementFactor = 2, EverySucceeded = 1000, MaximumPerMinute = 300 };
        Assert.Equal(perMinute, RolloutAdmission.RateOf(rate, succeeded));
    }

    [Fact]
    public void Slots_and_grants_on_their_way_together_stay_within_the_concurrency()
    {
        var state = Given.Running(Given.Plan with { Rate = Rate(6000), ConcurrencyTotal = 30 }, 1000);
        state = Tick(state, 1);
        Assert.Equal(30, state.Shards[0].Granted);
        Assert.Null(RolloutAdmission.Grant(state, Given.Noon.AddSeconds(2)));
        // Ten are silent: their leases are over, their slots free.
        state = Count(state, 0, 1, new() { Pending = 970, Queued = 30 }, admitted: 30, slots: 20);
        Assert.Equal(10, RolloutAdmission.Grant(state, Given.Noon.AddSeconds(3))!.Grants.Sum(g => g.Count));
    }

    [Fact]
    public void No_device_beyond_the_phase_is_admitted()
    {
        var state = Given.Running(Given.Plan with { Phases = [new(30), new(100)], Rate = Rate(6000) }, 10, 10, 10);
        state = Tick(state, 1);
        Assert.Equal([9, 0, 0], state.Shards.Select(s => s.Granted));
        state = Given.Running(Given.Plan with { Phases = [new(50), new(100)], Rate = Rate(6000) }, 10, 10, 10);
        Assert.Equal([10, 5, 0], Tick(state, 1).Shards.Select(s => s.Granted));
    }

    [Fact]
    public void A_shard_never_holds_more_than_one_ticks_grant()
    {
        var state = Given.Running(Given.Plan with { Rate = Rate(600), ConcurrencyTotal = 100_000 }, 1000);
        // The shard does not answer, and time goes by.
        for (int second = 1; second <= 30; second++) state = Tick(state, second);
        Assert.InRange(state.Shards[0].Outstanding, 1, 11);
    }

    [Fact]
    public void What_was_taken_back_is_admitted_again()
    {
        var state = Given.Running(Given.Plan with { Rate = Rate(600) }, 4);
        state = Tick(state, 1);
        state = Count(state, 0, 1, new() { Pending = 2, Downloading = 2 }, admitted: 4, slots: 2);
        Assert.Equal<(int, int)>([(0, 2)], RolloutAdmission.Grant(state, Given.Noon.AddSeconds(2))!.Grants);
    }

    private static RolloutRate Rate(int perMinute) => new() { BasePerMinute = perMinute, IncrementFactor = 1, EverySucceeded = null, MaximumPerMinute = perMinute };

    private static RolloutState Tick(RolloutState state, int second) =>
        RolloutCore.Decide(state, new TickRollout(), Given.Noon.AddSeconds(second)).Events.Aggregate(state, RolloutCore.Apply);

    /// <summary>The shard does what it was granted, and every device is done at once.</summary>
    private static RolloutState Use(RolloutState state, int version)
    {
        var shard = state.Shards[0];
        return Count(state, 0, version, new()
        {
            Pending = shard.Size - shard.Granted,
            Outcomes = ImmutableSortedDictionary<JobOutcome, int>.Empty.Add(JobOutcome.Failed, shard.Granted),
        }, shard.Granted, 0);
    }

    private static RolloutState Count(RolloutState state, int shard, long version, RolloutCounts counts, int admitted, int slots) =>
        RolloutCore.Apply(state, new ShardCounted(Given.Counted(shard, version, counts, admitted, slots: slots)));
}
