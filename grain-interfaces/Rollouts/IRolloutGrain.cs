using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Rollouts;

/// <summary>One rollout: its plan, phases and gates; the one owner of admission and of stopping. The key is the rollout id.</summary>
/// <remarks>Calls that interleave wait for a write that they share with others, or read what was written last.</remarks>
[Alias("fleet.rollout-grain")]
public interface IRolloutGrain : IGrainWithStringKey
{
    /// <summary>Checks the plan, fixes the target and starts. A repeat with the same request answers as the first did.</summary>
    Task<CreateRolloutResult> Create(RolloutRequest request);

    /// <summary>Null if it was never created.</summary>
    [AlwaysInterleave]
    Task<RolloutView?> Get();

    /// <summary>No offer after this: paused once every shard has confirmed. Offers that no device has started are taken back.</summary>
    [AlwaysInterleave]
    Task<RolloutCommandResult> Pause();

    /// <summary>Goes on where it was paused. Gates that stopped it look from now on at new outcomes only.</summary>
    [AlwaysInterleave]
    Task<RolloutCommandResult> Resume();

    /// <summary>Ends it: every open execution is cancelled, whatever the devices do.</summary>
    [AlwaysInterleave]
    Task<RolloutCommandResult> Cancel();

    /// <summary>
    /// One page of executions in admission order. <paramref name="after"/> is the position of the last one seen, -1 to begin.
    /// </summary>
    [AlwaysInterleave]
    Task<RolloutExecutionPage> GetExecutions(long after, int limit);

    /// <summary>Goes on after a restart of the process; a rollout that is over does nothing.</summary>
    [AlwaysInterleave]
    Task Wake();

    /// <summary>A shard says how it stands. Returns once that is stored.</summary>
    [AlwaysInterleave]
    Task Report(ShardReport report);
}

[GenerateSerializer, Alias("fleet.rollout-status")]
public enum RolloutStatus
{
    Running,

    /// <summary>A stop was decided; not every shard has confirmed yet.</summary>
    Pausing,
    Paused,
    Cancelling,
    Cancelled,

    /// <summary>Every device has an outcome.</summary>
    Completed,
}

[GenerateSerializer, Alias("fleet.stop-reason")]
public enum StopReason
{
    Operator,
    Gate,

    /// <summary>The gate's rule could not be evaluated: it stays shut.</summary>
    GateUnevaluable,
}

[GenerateSerializer, Immutable, Alias("fleet.rollout-view")]
public sealed record RolloutView
{
    [Id(0)] public required RolloutId Id { get; init; }
    [Id(1)] public required RolloutRequest Request { get; init; }
    [Id(2)] public required RolloutStatus Status { get; init; }
    [Id(3)] public required StopReason? StopReason { get; init; }

    /// <summary>The gate that stopped it, with the numbers it was decided on, as a sentence.</summary>
    [Id(4)] public required string? StopDetail { get; init; }

    /// <summary>Index into the plan's phases of the one under way.</summary>
    [Id(5)] public required int Phase { get; init; }

    /// <summary>How many devices the phase reaches, counted from the start of the target; fixed.</summary>
    [Id(6)] public required int PhaseSize { get; init; }
    [Id(7)] public required int TargetSize { get; init; }
    [Id(8)] public required RolloutCounts Counts { get; init; }
    [Id(9)] public required DateTimeOffset CreatedAt { get; init; }
    [Id(10)] public required DateTimeOffset? EndedAt { get; init; }
}

/// <summary>One device's execution, as the rollout counts it.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rollout-execution")]
public sealed record RolloutExecution(
    [property: Id(0)] long Position,
    [property: Id(1)] ThingName Thing,
    [property: Id(2)] JobStage? Stage,
    [property: Id(3)] JobOutcome? Outcome,
    [property: Id(4)] string? Detail,
    [property: Id(5)] DateTimeOffset? ChangedAt);

[GenerateSerializer, Immutable, Alias("fleet.rollout-execution-page")]
public sealed record RolloutExecutionPage([property: Id(0)] ImmutableArray<RolloutExecution> Executions);

[GenerateSerializer, Immutable, Alias("fleet.create-rollout-result")]
public abstract record CreateRolloutResult
{
    private CreateRolloutResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.create-rollout-result.created")]
    public sealed record Created([property: Id(0)] RolloutView Rollout) : CreateRolloutResult;

    /// <param name="Field">JSON path of what is wrong, such as <c>plan.phases[1].percent</c>.</param>
    [GenerateSerializer, Immutable, Alias("fleet.create-rollout-result.invalid")]
    public sealed record Invalid([property: Id(0)] string Field, [property: Id(1)] string Detail) : CreateRolloutResult;

    /// <summary>The id is taken by another request.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.create-rollout-result.conflict")]
    public sealed record Conflict : CreateRolloutResult;
}

[GenerateSerializer, Immutable, Alias("fleet.rollout-command-result")]
public abstract record RolloutCommandResult
{
    private RolloutCommandResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.rollout-command-result.accepted")]
    public sealed record Accepted([property: Id(0)] RolloutView Rollout) : RolloutCommandResult;

    [GenerateSerializer, Immutable, Alias("fleet.rollout-command-result.not-found")]
    public sealed record NotFound : RolloutCommandResult;

    /// <summary>The status does not allow it.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.rollout-command-result.not-allowed")]
    public sealed record NotAllowed([property: Id(0)] RolloutStatus Status) : RolloutCommandResult;
}
