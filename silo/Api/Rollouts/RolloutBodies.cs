using System.Text.Json;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>What an operator asks for.</summary>
/// <param name="Name">For people: 1 to 128 characters.</param>
internal sealed record NewRolloutBody(string Name, TargetBody Target, RolloutFirmwareBody Firmware, PlanBody Plan);

/// <summary>Which devices; fixed when the rollout is created. Exactly one of the two.</summary>
/// <param name="Query">field:value terms joined by "and", such as "model:amr and site:tokyo".</param>
/// <param name="Things">At most 1,000 thing names.</param>
internal sealed record TargetBody(string? Query, IReadOnlyList<string>? Things);

internal sealed record RolloutFirmwareBody(string Model, string Version);

/// <param name="Phases">Percentages rise strictly and end at 100.</param>
internal sealed record PlanBody(
    IReadOnlyList<PhaseBody> Phases, RateBody? Rate, ConcurrencyBody? Concurrency, IReadOnlyList<GateBody>? Gates, DeadlinesBody? Deadlines,
    ProofBody? Proof)
{
    public static PlanBody Of(RolloutPlan plan) => new(
        [.. plan.Phases.Select(p => new PhaseBody(p.Percent))],
        new(
            plan.Rate.BasePerMinute, plan.Rate.IncrementFactor, plan.Rate.EverySucceeded is { } every ? new(every) : null,
            plan.Rate.MaximumPerMinute),
        new(plan.ConcurrencyTotal),
        [.. plan.Gates.Select(g => new GateBody(Words.Of(g.Failure), g.ThresholdPercent, g.MinimumExecuted, Words.Of(g.Action)))],
        new(IsoDuration.Format(plan.Deadlines.Queued), IsoDuration.Format(plan.Deadlines.Downloading),
            IsoDuration.Format(plan.Deadlines.Installing), IsoDuration.Format(plan.Deadlines.Confirming)),
        new(plan.Proof.Boot ? "boot" : "report", IsoDuration.Format(plan.Proof.HealthyFor)));
}

/// <param name="Percent">Share of the target, cumulative, rounded up to whole devices.</param>
internal sealed record PhaseBody(double Percent);

/// <summary>
/// Devices per minute: base × incrementFactor^k, where k is how often another "every" devices succeeded, up to the maximum.
/// </summary>
internal sealed record RateBody(int BasePerMinute, double? IncrementFactor, EveryBody? Every, int? MaximumPerMinute);

internal sealed record EveryBody(int Succeeded);

/// <param name="Total">How many devices may have the job under way at once.</param>
internal sealed record ConcurrencyBody(int Total);

/// <param name="Failure">any, rejected, failed, rolledBack or timedOut.</param>
/// <param name="Action">pause or abort.</param>
internal sealed record GateBody(string Failure, double ThresholdPercent, int MinimumExecuted, string Action);

/// <summary>How long an execution may stay in each stage; ISO 8601 durations.</summary>
internal sealed record DeadlinesBody(string? Queued, string? Downloading, string? Installing, string? Confirming);

/// <param name="Kind">boot or report.</param>
/// <param name="HealthyFor">ISO 8601 duration.</param>
internal sealed record ProofBody(string Kind, string? HealthyFor);

/// <summary>A rollout: what was asked for, and how it stands.</summary>
/// <param name="Status">running, pausing, paused, cancelling, cancelled or completed.</param>
/// <param name="StopReason">operator, gate or gateUnevaluable.</param>
/// <param name="StopDetail">The gate that stopped it, with the numbers it was decided on.</param>
/// <param name="Phase">Index of the phase under way.</param>
/// <param name="PhaseSize">How many devices the phase reaches, counted from the start of the target.</param>
internal sealed record RolloutBody(
    string Id, string Name, string Status, string? StopReason, string? StopDetail, int Phase, int PhaseSize, int TargetSize,
    CountsBody Counts, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt, TargetBody Target, RolloutFirmwareBody Firmware, PlanBody Plan)
{
    public static RolloutBody Of(RolloutView view) => new(
        view.Id.Value, view.Request.Name, Words.Of(view.Status), view.StopReason is { } reason ? Words.Of(reason) : null, view.StopDetail,
        view.Phase, view.PhaseSize, view.TargetSize, CountsBody.Of(view.Counts), view.CreatedAt, view.EndedAt,
        new(view.Request.Target.Query, view.Request.Target.Things is { } things ? [.. things.Select(t => t.Value)] : null),
        new(view.Request.Model.Value, view.Request.Version.Value), PlanBody.Of(view.Request.Plan));
}

/// <summary>Where the executions stand. All numbers together are the size of the target.</summary>
/// <param name="Pending">Not admitted yet.</param>
/// <param name="Outcomes">
/// By outcome: succeeded, rejected, failed, timedOutQueued, timedOutDownloading, timedOutInstalling, timedOutConfirming, rolledBack,
/// removed, cancelled.
/// </param>
internal sealed record CountsBody(
    int Pending, int Queued, int Downloading, int Installing, int Confirming, IReadOnlyDictionary<string, int> Outcomes)
{
    public static CountsBody Of(RolloutCounts counts) => new(
        counts.Pending, counts.Queued, counts.Downloading, counts.Installing, counts.Confirming,
        counts.Outcomes.ToImmutableSortedDictionary(o => Words.Of(o.Key), o => o.Value, StringComparer.Ordinal));
}

/// <summary>One device's execution.</summary>
/// <param name="Position">In the order of admission, from 0.</param>
/// <param name="Stage">Absent before it is admitted; then queued, downloading, installing, confirming or ended.</param>
internal sealed record RolloutExecutionBody(
    long Position, string Thing, string? Stage, string? Outcome, string? Detail, DateTimeOffset? ChangedAt)
{
    public static RolloutExecutionBody Of(RolloutExecution execution) => new(
        execution.Position, execution.Thing.Value, execution.Stage is { } stage ? Words.Of(stage) : null,
        execution.Outcome is { } outcome ? Words.Of(outcome) : null, execution.Detail, execution.ChangedAt);
}

internal static class Words
{
    /// <summary>A value in lower camel case, as the API spells it.</summary>
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
