using Fleet.Grains.Devices;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests.Checks;

/// <summary>
/// What must hold of a rollout and its shards: exact counts, no more under way than was granted, gates that shut, an end.
/// </summary>
internal sealed class RolloutChecks(SimulatedWorld world, Invariants checks, DeviceChecks devices)
{
    private readonly Dictionary<(string Shard, long Version), RolloutCounts> _said = [];
    private readonly Dictionary<string, Concurrency> _concurrency = [];

    public void Landed(string key, ShardState? before, ShardState now)
    {
        if (now.Job is not { } job) return;
        var report = now.ToReport();
        _said[(key, now.Version)] = report.Counts;
        checks.Demand(Total(report.Counts) == now.Executions.Length, $"Shard {key} counts {Total(report.Counts)} of {now.Executions.Length} devices");
        for (int i = 0; before is not null && i < before.Executions.Length; i++)
        {
            if (before.Executions[i].Outcome is { } outcome && now.Executions[i] is var execution)
                checks.Demand(execution.Outcome == outcome, $"{execution.Thing} had {outcome} in shard {key}, and now has {execution.Outcome}");
        }
        if (world.Operators.Stored(job.Rollout.Value) is not { Id: not null } rollout) return;
        var slot = rollout.Shards[now.Shard];
        checks.Demand(now.Admitted <= slot.Granted || now.Generation < rollout.Generation || slot.Settled, $"Shard {key} admitted {now.Admitted} and was granted {slot.Granted}");
        int most = rollout.Request!.Plan.ConcurrencyTotal;
        if (!_concurrency.TryGetValue(job.Rollout.Value, out var concurrency)) _concurrency.Add(job.Rollout.Value, concurrency = new(rollout.Shards.Length));
        int slots = concurrency.Count(now, world.Clock.Wall);
        checks.Demand(slots <= most, $"{slots} devices of {job.Rollout} hold a slot, and {most} may");
    }

    public void Landed(RolloutState? before, RolloutState now)
    {
        if (now.Id is not { } id) return;
        for (int i = 0; i < now.Shards.Length; i++)
        {
            var slot = now.Shards[i];
            checks.Demand(slot.Version == 0 || RolloutCounting.Same(slot.Counts, _said.GetValueOrDefault(($"{id}/{i}", slot.Version)) ?? new()), $"{id} has other counts for shard {i} than the shard said as version {slot.Version}");
        }
        checks.Demand(Total(now.Counts) == now.TargetSize, $"{id} counts {Total(now.Counts)} of {now.TargetSize} devices");
        if (before is { Id: not null })
        {
            checks.Demand(!before.IsOver || now.Status == before.Status, $"{id} was {before.Status} and is {now.Status}");
            foreach (var (outcome, count) in before.Counts.Outcomes)
                checks.Demand(now.Counts.Outcomes.GetValueOrDefault(outcome) >= count, $"{id} had {count} {outcome} and has fewer");
        }
        var job = Names.Of<Interfaces.Naming.JobId>(id.Value);
        if (now.Status is RolloutStatus.Paused or RolloutStatus.Cancelled or RolloutStatus.Completed)
            checks.Demand(devices.Offered(job) == 0, $"{id} is {now.Status}, and {devices.Offered(job)} devices have its offer");
        if (now.Status is RolloutStatus.Running) Gates(now);
    }

    public void AtTheEnd()
    {
        foreach (var (_, shard) in world.Store.All<ShardState>())
        {
            checks.Demand(shard.IsOver, $"Shard {shard.Shard} of {shard.Job?.Rollout} is not over");
            foreach (var execution in shard.Executions) AtTheEnd(shard, execution);
        }
        foreach (var rollout in world.Settings.Rollouts.Select(r => world.Operators.Stored(r.Id)!))
        {
            var shards = world.Store.All<ShardState>().Where(s => s.State.Job?.Rollout == rollout.Id).Select(s => RolloutCounting.Of(s.State.Executions));
            checks.Demand(RolloutCounting.Same(RolloutCounting.Sum(shards), rollout.Counts), $"{rollout.Id} counts {rollout.Counts}, and its shards something else");
        }
        foreach (var (_, device) in world.Store.All<DeviceState>())
            checks.Demand(device.Open.IsEmpty, $"All is over, and {device.Thing} has an open execution: {device.Open.FirstOrDefault()}");
    }

    private void AtTheEnd(ShardState shard, ShardExecution execution)
    {
        var device = world.Store.Stored<DeviceState>(GrainId.Create("device", execution.Thing.Value), "device")!;
        var job = Names.Of<Interfaces.Naming.JobId>(shard.Job!.Rollout.Value);
        var there = device.Find(job, execution.Number);
        // One that was cancelled before it was offered never came to the device.
        checks.Demand(execution.Number == 0 ? there is null : there is null || there.Outcome == execution.Outcome, $"{execution.Thing} has {there?.Outcome}, its shard counts {execution.Outcome}");
        checks.Demand(execution.Outcome is not JobOutcome.Succeeded || there is not null, $"{execution.Thing} counts as succeeded and knows nothing of it");
    }

    /// <summary>By the rule in the plan, worked out again.</summary>
    private void Gates(RolloutState rollout)
    {
        foreach (var gate in rollout.Request!.Plan.Gates)
        {
            double executed = 0, failed = 0;
            foreach (var (outcome, count) in rollout.Counts.Outcomes)
            {
                int fresh = count - (rollout.Overlooked?.GetValueOrDefault(outcome) ?? 0);
                executed += fresh;
                bool counts = gate.Failure switch
                {
                    GateFailure.Any => outcome != JobOutcome.Succeeded,
                    GateFailure.TimedOut => outcome is >= JobOutcome.TimedOutQueued and <= JobOutcome.TimedOutConfirming,
                    _ => outcome.ToString() == gate.Failure.ToString(),
                };
                if (counts) failed += fresh;
            }
            bool trips = executed >= gate.MinimumExecuted && failed > 0 && failed / executed * 100 >= gate.ThresholdPercent;
            checks.Demand(!trips, $"{rollout.Id} runs on although {failed} of {executed} count as {gate.Failure}: the limit is {gate.ThresholdPercent} %");
        }
    }

    private static int Total(RolloutCounts counts) =>
        counts.Pending + counts.Queued + counts.Downloading + counts.Installing + counts.Confirming + counts.Outcomes.Values.Sum();

    /// <summary>
    /// Slots in use over all shards. One that lapsed is given away, and stays so: a device that is heard again after its lease had ended
    /// does not count against those who were admitted in its place.
    /// </summary>
    private sealed class Concurrency(int shards)
    {
        private readonly int[] _slots = new int[shards];
        private readonly HashSet<(int Shard, int Index, int Number)> _lapsed = [];

        public int Count(ShardState shard, DateTimeOffset now)
        {
            int slots = 0;
            for (int i = 0; i < shard.Executions.Length; i++)
            {
                var execution = shard.Executions[i];
                if (!execution.IsOpen) continue;
                if (now - execution.ProgressAt >= RolloutShardCore.SlotLease) _lapsed.Add((shard.Shard, i, execution.Number));
                else if (_lapsed.Count == 0 || !_lapsed.Contains((shard.Shard, i, execution.Number))) slots++;
            }
            _slots[shard.Shard] = slots;
            return _slots.Sum();
        }
    }
}
