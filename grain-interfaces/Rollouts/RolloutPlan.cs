using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Rollouts;

/// <summary>What an operator asks for: a target, a firmware and a plan (design, section 8).</summary>
/// <param name="Name">For people: 1 to 128 characters.</param>
/// <param name="Target">Which devices; resolved once, when the rollout is created.</param>
[GenerateSerializer, Immutable, Alias("fleet.rollout-request")]
public sealed record RolloutRequest(
    [property: Id(0)] string Name,
    [property: Id(1)] RolloutTarget Target,
    [property: Id(2)] ModelName Model,
    [property: Id(3)] FirmwareVersion Version,
    [property: Id(4)] RolloutPlan Plan);

/// <summary>Exactly one of the two is set.</summary>
/// <param name="Query">A fleet query as it was written, such as <c>model:amr and site:tokyo</c>.</param>
/// <param name="Things">A list of thing names.</param>
[GenerateSerializer, Immutable, Alias("fleet.rollout-target")]
public sealed record RolloutTarget(
    [property: Id(0)] string? Query,
    [property: Id(1)] ImmutableArray<ThingName>? Things);

[GenerateSerializer, Immutable, Alias("fleet.rollout-plan")]
public sealed record RolloutPlan
{
    /// <summary>At least one; percentages rise strictly and end at 100.</summary>
    [Id(0)] public required ImmutableArray<RolloutPhase> Phases { get; init; }
    [Id(1)] public required RolloutRate Rate { get; init; }

    /// <summary>How many devices may have the job under way at once; each is a lease that a silent device gives back.</summary>
    [Id(2)] public required int ConcurrencyTotal { get; init; }
    [Id(3)] public required ImmutableArray<RolloutGate> Gates { get; init; }
    [Id(4)] public required RolloutDeadlines Deadlines { get; init; }
    [Id(5)] public required RolloutProof Proof { get; init; }
}

/// <param name="Percent">Share of the target, cumulative, rounded up to whole devices: above 0, at most 100.</param>
[GenerateSerializer, Immutable, Alias("fleet.rollout-phase")]
public sealed record RolloutPhase([property: Id(0)] double Percent);

/// <summary>
/// rate = base × factor^k, where k is how often another <see cref="EverySucceeded"/> devices succeeded, up to the maximum.
/// </summary>
[GenerateSerializer, Immutable, Alias("fleet.rollout-rate")]
public sealed record RolloutRate
{
    /// <summary>Devices offered per minute: 1 to 1,000,000.</summary>
    [Id(0)] public required int BasePerMinute { get; init; }

    /// <summary>1 to 5; 1 keeps the rate as it is.</summary>
    [Id(1)] public required double IncrementFactor { get; init; }

    /// <summary>1 or more; null with a factor of 1.</summary>
    [Id(2)] public required int? EverySucceeded { get; init; }
    [Id(3)] public required int MaximumPerMinute { get; init; }
}

[GenerateSerializer, Alias("fleet.gate-failure")]
public enum GateFailure
{
    /// <summary>Every outcome but success.</summary>
    Any,
    Rejected,
    Failed,
    RolledBack,

    /// <summary>Any of the four deadlines.</summary>
    TimedOut,
}

[GenerateSerializer, Alias("fleet.gate-action")]
public enum GateAction { Pause, Abort }

/// <summary>
/// Trips when, with at least <paramref name="MinimumExecuted"/> outcomes, failures of the kind are at or above the threshold.
/// </summary>
/// <param name="ThresholdPercent">Of the outcomes so far: above 0, at most 100.</param>
/// <param name="MinimumExecuted">1 or more.</param>
[GenerateSerializer, Immutable, Alias("fleet.rollout-gate")]
public sealed record RolloutGate(
    [property: Id(0)] GateFailure Failure,
    [property: Id(1)] double ThresholdPercent,
    [property: Id(2)] int MinimumExecuted,
    [property: Id(3)] GateAction Action);

/// <summary>How long an execution may stay in each stage.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rollout-deadlines")]
public sealed record RolloutDeadlines(
    [property: Id(0)] TimeSpan Queued,
    [property: Id(1)] TimeSpan Downloading,
    [property: Id(2)] TimeSpan Installing,
    [property: Id(3)] TimeSpan Confirming);

/// <param name="Boot">True: kind "boot". False: kind "report".</param>
[GenerateSerializer, Immutable, Alias("fleet.rollout-proof")]
public sealed record RolloutProof([property: Id(0)] bool Boot, [property: Id(1)] TimeSpan HealthyFor);

/// <summary>How many executions stand where. The target's size is the sum of all of them.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rollout-counts")]
public sealed record RolloutCounts
{
    /// <summary>Not admitted yet.</summary>
    [Id(0)] public int Pending { get; init; }

    /// <summary>By stage: <see cref="JobStage.Queued"/> to <see cref="JobStage.Confirming"/>.</summary>
    [Id(1)] public int Queued { get; init; }
    [Id(2)] public int Downloading { get; init; }
    [Id(3)] public int Installing { get; init; }
    [Id(4)] public int Confirming { get; init; }

    /// <summary>By outcome; one that did not happen has no entry.</summary>
    [Id(5)] public ImmutableSortedDictionary<JobOutcome, int> Outcomes { get; init; } = ImmutableSortedDictionary<JobOutcome, int>.Empty;
}
