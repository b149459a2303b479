using System.Text.Json;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <param name="Detail">The rule and the numbers it was decided on.</param>
internal sealed record TrippedGate(GateAction Action, StopReason Reason, string Detail);

/// <summary>Gates: when failures stop a rollout.</summary>
internal static class RolloutGates
{
    /// <summary>The first gate that trips, or that cannot be evaluated; null while all are open.</summary>
    public static TrippedGate? Evaluate(
        ImmutableArray<RolloutGate> gates, ImmutableSortedDictionary<JobOutcome, int> outcomes,
        ImmutableSortedDictionary<JobOutcome, int>? overlooked)
    {
        foreach (var gate in gates)
        {
            if (WhyNot(gate) is { } why)
                return new(GateAction.Pause, StopReason.GateUnevaluable, $"The gate on '{gate.Failure}' cannot be evaluated: {why}.");
            int executed = 0, failed = 0;
            foreach (var (outcome, count) in outcomes)
            {
                int fresh = count - (overlooked?.GetValueOrDefault(outcome) ?? 0);
                executed += fresh;
                if (Matches(gate.Failure, outcome)) failed += fresh;
            }
            if (executed < gate.MinimumExecuted || failed == 0 || 100.0 * failed / executed < gate.ThresholdPercent) continue;
            return new(gate.Action, StopReason.Gate,
                $"{failed} of {executed} outcomes ({100.0 * failed / executed:0.#} %) count as "
                + $"'{JsonNamingPolicy.CamelCase.ConvertName(gate.Failure.ToString())}', the limit is {gate.ThresholdPercent:0.##} %.");
        }
        return null;
    }

    /// <summary>A plan like this is refused; should one get here all the same, it stays shut.</summary>
    private static string? WhyNot(RolloutGate gate)
    {
        if (!(gate.ThresholdPercent > 0 && gate.ThresholdPercent <= 100)) return $"its threshold is {gate.ThresholdPercent}";
        if (gate.MinimumExecuted < 1) return $"its minimum is {gate.MinimumExecuted}";
        if (!Enum.IsDefined(gate.Failure)) return "nothing is known of this failure";
        return Enum.IsDefined(gate.Action) ? null : "nothing is known of its action";
    }

    private static bool Matches(GateFailure failure, JobOutcome outcome) => failure switch
    {
        GateFailure.Any => outcome is not JobOutcome.Succeeded,
        GateFailure.Rejected => outcome is JobOutcome.Rejected,
        GateFailure.Failed => outcome is JobOutcome.Failed,
        GateFailure.RolledBack => outcome is JobOutcome.RolledBack,
        GateFailure.TimedOut => outcome is JobOutcome.TimedOutQueued or JobOutcome.TimedOutDownloading
            or JobOutcome.TimedOutInstalling or JobOutcome.TimedOutConfirming,
        _ => false,
    };
}
