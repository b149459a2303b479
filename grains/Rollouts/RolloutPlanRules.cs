using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>Is the plan one that can be carried out? Decided when it is accepted, so that nothing is found out at night.</summary>
internal static class RolloutPlanRules
{
    public const int MaxNameCharacters = 128;

    /// <summary>A list is kept with the rollout and written with it. More than this is a query.</summary>
    public const int MaxListedThings = 1000;
    public const int MaxPhases = 100;
    public const int MaxGates = 20;
    public const int MaxPerMinute = 1_000_000;
    public const int MaxConcurrency = 1_000_000;
    public static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(365);

    /// <summary>The first thing wrong, with its JSON path; null when there is nothing.</summary>
    public static CreateRolloutResult.Invalid? Check(RolloutRequest request) =>
        Problems(request).FirstOrDefault() is { Field: not null } problem ? new(problem.Field, problem.Detail) : null;

    private static IEnumerable<(string Field, string Detail)> Problems(RolloutRequest request) =>
    [
        .. Name(request), .. Target(request.Target), .. Phases(request.Plan.Phases), .. Rate(request.Plan.Rate),
        .. Concurrency(request.Plan), .. Gates(request.Plan.Gates), .. Deadlines(request.Plan.Deadlines), .. Proof(request.Plan),
    ];

    private static IEnumerable<(string, string)> Name(RolloutRequest request)
    {
        if (request.Name.Length is 0 or > MaxNameCharacters || request.Name.Any(char.IsControl))
            yield return ("name", $"1 to {MaxNameCharacters} characters, none of them a control character.");
    }

    private static IEnumerable<(string, string)> Target(RolloutTarget target)
    {
        if (target.Query is null == target.Things is null) yield return ("target", "Exactly one of query and things.");
        if (target.Things is not { } things) yield break;
        if (things.IsDefaultOrEmpty) yield return ("target.things", "At least one thing.");
        else if (things.Length > MaxListedThings)
            yield return ("target.things", $"At most {MaxListedThings} things; use a query for more.");
        else if (things.Distinct().Count() < things.Length)
            yield return ("target.things", $"'{things.GroupBy(t => t).First(g => g.Count() > 1).Key}' is listed more than once.");
    }

    private static IEnumerable<(string, string)> Phases(ImmutableArray<RolloutPhase> phases)
    {
        if (phases.IsDefaultOrEmpty || phases.Length > MaxPhases)
        {
            yield return ("plan.phases", $"1 to {MaxPhases} phases.");
            yield break;
        }
        double reached = 0;
        for (int i = 0; i < phases.Length; i++)
        {
            double percent = phases[i].Percent;
            if (!(percent > 0 && percent <= 100)) yield return ($"plan.phases[{i}].percent", "Above 0, at most 100.");
            else if (percent <= reached)
                yield return ($"plan.phases[{i}].percent", $"More than the {reached} of the phase before: percentages are cumulative.");
            reached = percent;
        }
        if (reached is not 100) yield return ($"plan.phases[{phases.Length - 1}].percent", "The last phase reaches 100.");
    }

    private static IEnumerable<(string, string)> Rate(RolloutRate rate)
    {
        if (rate.BasePerMinute is < 1 or > MaxPerMinute) yield return ("plan.rate.basePerMinute", $"1 to {MaxPerMinute}.");
        if (rate.MaximumPerMinute < rate.BasePerMinute || rate.MaximumPerMinute > MaxPerMinute)
            yield return ("plan.rate.maximumPerMinute", $"From basePerMinute to {MaxPerMinute}.");
        if (!(rate.IncrementFactor >= 1 && rate.IncrementFactor <= 5)) yield return ("plan.rate.incrementFactor", "1 to 5.");
        if (rate is { IncrementFactor: > 1, EverySucceeded: null })
            yield return ("plan.rate.every", "Needed with an incrementFactor above 1: it says when the rate grows.");
        if (rate.EverySucceeded < 1) yield return ("plan.rate.every.succeeded", "1 or more.");
    }

    private static IEnumerable<(string, string)> Concurrency(RolloutPlan plan)
    {
        if (plan.ConcurrencyTotal is < 1 or > MaxConcurrency) yield return ("plan.concurrency.total", $"1 to {MaxConcurrency}.");
    }

    private static IEnumerable<(string, string)> Gates(ImmutableArray<RolloutGate> gates)
    {
        if (gates.IsDefault || gates.Length > MaxGates)
        {
            yield return ("plan.gates", $"At most {MaxGates} gates.");
            yield break;
        }
        for (int i = 0; i < gates.Length; i++)
        {
            var gate = gates[i];
            if (!Enum.IsDefined(gate.Failure)) yield return ($"plan.gates[{i}].failure", "any, rejected, failed, rolledBack or timedOut.");
            if (!Enum.IsDefined(gate.Action)) yield return ($"plan.gates[{i}].action", "pause or abort.");
            if (!(gate.ThresholdPercent > 0 && gate.ThresholdPercent <= 100))
                yield return ($"plan.gates[{i}].thresholdPercent", "Above 0, at most 100.");
            if (gate.MinimumExecuted < 1) yield return ($"plan.gates[{i}].minimumExecuted", "1 or more.");
        }
    }

    private static IEnumerable<(string, string)> Deadlines(RolloutDeadlines deadlines)
    {
        (string Name, TimeSpan Value)[] all =
        [
            ("queued", deadlines.Queued), ("downloading", deadlines.Downloading),
            ("installing", deadlines.Installing), ("confirming", deadlines.Confirming),
        ];
        foreach (var (name, value) in all)
        {
            // Shards look once a second.
            if (value < TimeSpan.FromSeconds(1) || value > MaxDeadline) yield return ($"plan.deadlines.{name}", "PT1S to P365D.");
        }
    }

    private static IEnumerable<(string, string)> Proof(RolloutPlan plan)
    {
        var (boot, healthyFor) = plan.Proof;
        if (healthyFor < TimeSpan.Zero) yield return ("plan.proof.healthyFor", "Not negative.");
        if (!boot && healthyFor > TimeSpan.Zero) yield return ("plan.proof.healthyFor", "Only a proof of kind boot looks at health.");
        if (healthyFor >= plan.Deadlines.Confirming)
            yield return ("plan.proof.healthyFor", "Shorter than plan.deadlines.confirming, or no device could succeed.");
    }
}
