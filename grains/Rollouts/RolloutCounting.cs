using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>Counts of executions. Every execution stands in exactly one place, so the parts always add up to the whole.</summary>
internal static class RolloutCounting
{
    public static RolloutCounts Of(ImmutableArray<ShardExecution> executions)
    {
        Span<int> stages = stackalloc int[(int)JobStage.Ended];
        Span<int> outcomes = stackalloc int[(int)JobOutcome.Cancelled + 1];
        int pending = 0;
        foreach (var execution in executions)
        {
            if (execution.Outcome is { } outcome) outcomes[(int)outcome]++;
            else if (execution.Stage is { } stage) stages[(int)stage]++;
            else pending++;
        }
        return new()
        {
            Pending = pending,
            Queued = stages[(int)JobStage.Queued],
            Downloading = stages[(int)JobStage.Downloading],
            Installing = stages[(int)JobStage.Installing],
            Confirming = stages[(int)JobStage.Confirming],
            Outcomes = Entries(outcomes),
        };
    }

    public static RolloutCounts Sum(IEnumerable<RolloutCounts> parts)
    {
        var sum = new RolloutCounts();
        Span<int> outcomes = stackalloc int[(int)JobOutcome.Cancelled + 1];
        foreach (var part in parts)
        {
            sum = sum with
            {
                Pending = sum.Pending + part.Pending,
                Queued = sum.Queued + part.Queued,
                Downloading = sum.Downloading + part.Downloading,
                Installing = sum.Installing + part.Installing,
                Confirming = sum.Confirming + part.Confirming,
            };
            foreach (var (outcome, count) in part.Outcomes) outcomes[(int)outcome] += count;
        }
        return sum with { Outcomes = Entries(outcomes) };
    }

    public static int Ended(this RolloutCounts counts) => counts.Outcomes.Values.Sum();

    public static int Open(this RolloutCounts counts) => counts.Queued + counts.Downloading + counts.Installing + counts.Confirming;

    /// <summary>Equal by content; a record compares its dictionary by reference.</summary>
    public static bool Same(RolloutCounts a, RolloutCounts b) =>
        a.Outcomes.SequenceEqual(b.Outcomes) && a with { Outcomes = b.Outcomes } == b;

    private static ImmutableSortedDictionary<JobOutcome, int> Entries(ReadOnlySpan<int> outcomes)
    {
        var entries = ImmutableSortedDictionary.CreateBuilder<JobOutcome, int>();
        for (int i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] > 0) entries.Add((JobOutcome)i, outcomes[i]);
        }
        return entries.ToImmutable();
    }
}
