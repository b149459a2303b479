using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>How many devices get the job now: the least of what rate, concurrency and phase allow.</summary>
internal static class RolloutAdmission
{
    /// <summary>The grants of this tick; null when nothing is due.</summary>
    public static AdmissionsGranted? Grant(RolloutState state, DateTimeOffset now)
    {
        var plan = state.Request!.Plan;
        double duePerTick = RateOf(plan.Rate, state.Counts.Outcomes.GetValueOrDefault(JobOutcome.Succeeded)) / 60;
        // A tick is a second. However long ago the last one was, no more is granted than one tick's due and the fraction left of the one
        // before: a rollout that could not admit for a while goes on at its rate, and does not make up for it. The same goes for a last one
        // that is still to come: the clock was set back, and does not hold up the rollout until it is there again.
        double seconds = now < state.GrantedAt ? double.PositiveInfinity : (now - state.GrantedAt).TotalSeconds;
        double tokens = Math.Min(state.Carry + duePerTick * seconds, duePerTick + 1);
        int most = (int)tokens;
        int free = plan.ConcurrencyTotal - state.Shards.Sum(s => s.Slots + s.Outstanding);

        var grants = ImmutableArray.CreateBuilder<(int, int)>();
        int left = Math.Min(most, free), reach = state.SizeOfPhase(state.Phase);
        for (int i = 0; i < state.Shards.Length && left > 0 && reach > 0; i++)
        {
            var shard = state.Shards[i];
            // Those of the shard that lie beyond the phase are pending too, but not now.
            int waiting = shard.Counts.Pending - Math.Max(0, shard.Size - reach) - shard.Outstanding;
            int count = Math.Min(Math.Min(waiting, left), most - shard.Outstanding);
            reach -= shard.Size;
            if (count <= 0) continue;
            grants.Add((i, count));
            left -= count;
        }
        if (grants.Count == 0) return null;
        int granted = grants.Sum(g => g.Item2);
        return new(grants.ToImmutable(), Math.Min(tokens - granted, 1), now);
    }

    /// <summary>rate = base × factor^k, where k is how often another so many succeeded, up to the maximum.</summary>
    public static double RateOf(RolloutRate rate, int succeeded) =>
        rate.EverySucceeded is { } every
            ? Math.Min(rate.MaximumPerMinute, rate.BasePerMinute * Math.Pow(rate.IncrementFactor, succeeded / every))
            : Math.Min(rate.MaximumPerMinute, rate.BasePerMinute);
}
