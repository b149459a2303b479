using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

/// <summary>The promises of design section 8, held at every step of random histories.</summary>
public class RolloutHistoryTests
{
    [Fact]
    public void Every_history_keeps_the_promises_and_ends()
    {
        var seen = new HashSet<JobOutcome>();
        var ends = new HashSet<RolloutStatus>();
        for (int seed = 0; seed < 400; seed++)
        {
            var fleet = new CoreFleet(seed);
            var outcomes = new Dictionary<string, JobOutcome>();
            for (int step = 0; step < 600; step++)
            {
                fleet.Step();
                Check(fleet, outcomes, $"seed {seed}, step {step}");
            }
            fleet.BeKind();
            for (int round = 0; !fleet.Rollout.IsOver; round++)
            {
                Assert.True(round < 2000, $"seed {seed}: it does not end: {fleet}");
                fleet.RunUntilQuiet();
                Check(fleet, outcomes, $"seed {seed}, round {round}");
            }
            CheckEnd(fleet, seed);
            seen.UnionWith(outcomes.Values);
            ends.Add(fleet.Rollout.Status);
        }
        // The histories are of use only if they get to these.
        Assert.Superset(
            new HashSet<JobOutcome>
            {
                JobOutcome.Succeeded, JobOutcome.Rejected, JobOutcome.Failed, JobOutcome.RolledBack, JobOutcome.Cancelled,
                JobOutcome.TimedOutQueued, JobOutcome.TimedOutDownloading, JobOutcome.TimedOutConfirming,
            }, seen);
        Assert.Equal([RolloutStatus.Cancelled, RolloutStatus.Completed], ends.Order());
    }

    private static void Check(CoreFleet fleet, Dictionary<string, JobOutcome> outcomes, string where)
    {
        var rollout = fleet.Rollout;
        for (int i = 0; i < rollout.Shards.Length; i++)
        {
            var (slot, shard) = (rollout.Shards[i], fleet.Shards[i]);
            Assert.True(Total(shard.ToReport().Counts) == slot.Size, $"{where}: shard {i} counts {shard.ToReport().Counts}");
            Assert.True(RolloutCounting.Same(slot.Counts, fleet.Reported(i, slot.Version)), $"{where}: the rollout's counts are not what shard {i} said");
            Assert.True(shard.Admitted <= slot.Granted || shard.Generation < rollout.Generation || slot.Settled, $"{where}: shard {i} admitted more than it was granted");
            foreach (var execution in shard.Executions)
            {
                if (outcomes.TryGetValue(execution.Thing.Value, out var known))
                    Assert.True(execution.Outcome == known, $"{where}: {execution.Thing} had {known} and now has {execution.Outcome}");
                else if (execution.Outcome is { } outcome) outcomes.Add(execution.Thing.Value, outcome);
            }
        }
        int admitted = fleet.Shards.Sum(s => s.Executions.Count(e => e.Number > 0));
        Assert.True(admitted <= rollout.SizeOfPhase(rollout.Phase), $"{where}: {admitted} devices in a phase of {rollout.SizeOfPhase(rollout.Phase)}");

        foreach (var device in fleet.Devices)
        {
            Assert.True(device.Started.Count <= 1, $"{where}: {device.Thing} started the job {device.Started.Count} times");
            int underWay = device.State.Open.Count(e => e.Status is JobExecutionStatus.InProgress || e.AwaitsProof);
            Assert.True(underWay <= 1, $"{where}: {device.Thing} has {underWay} jobs under way");
            bool offered = device.State.Open.Any(e => e.JobId == Given.Job && e.Status is JobExecutionStatus.Queued);
            Assert.False(offered && rollout.Status is RolloutStatus.Paused or RolloutStatus.Cancelled, $"{where}: {device.Thing} has an offer of a rollout that is {rollout.Status}");
        }
    }

    private static void CheckEnd(CoreFleet fleet, int seed)
    {
        Assert.Equal(fleet.Rollout.TargetSize, fleet.Rollout.Counts.Ended());
        foreach (var execution in fleet.Shards.SelectMany(s => s.Executions))
        {
            var device = fleet.Devices.Single(d => d.Thing == execution.Thing);
            var there = device.State.Find(Given.Job, execution.Number);
            Assert.True(there is null || there.Outcome == execution.Outcome, $"seed {seed}: {execution.Thing} has {there?.Outcome}, its shard {execution.Outcome}");
            Assert.True(execution.Outcome is not JobOutcome.Succeeded || device.Updated, $"seed {seed}: {execution.Thing} succeeded without the version");
        }
    }

    private static int Total(RolloutCounts counts) => counts.Pending + counts.Open() + counts.Ended();
}
