using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Rollouts;

/// <summary>
/// The executions of up to 1,000 devices that stand next to each other in the rollout's order. The key is <c>{rollout}/{shard}</c>, shards
/// counted from 0. It offers, takes back and watches deadlines; how many it may offer is the rollout's to say
/// (docs/adr/0003-rollout-shards.md).
/// </summary>
/// <remarks>
/// Calls interleave because they wait for one write that many of them share: a shard writes about ten times a second, not a thousand.
/// </remarks>
[Alias("fleet.rollout-shard-grain")]
public interface IRolloutShardGrain : IGrainWithStringKey
{
    /// <summary>
    /// Hands the shard its devices. It does nothing until an order comes; until then a later assignment replaces an earlier one.
    /// </summary>
    Task Open(ShardAssignment assignment);

    /// <summary>
    /// What the rollout wants of the shard now. One of an older generation is late and does nothing; a repeat wakes the shard.
    /// </summary>
    [AlwaysInterleave]
    Task Direct(ShardOrder order);

    /// <summary>A device says how its execution stands. Returns once that is stored.</summary>
    [AlwaysInterleave]
    Task Report(ExecutionReport report);

    /// <summary>Executions at positions after <paramref name="after"/>, in order.</summary>
    [AlwaysInterleave]
    Task<RolloutExecutionPage> GetExecutions(long after, int limit);
}

/// <summary>Which devices a shard has, and the job it offers them.</summary>
[GenerateSerializer, Immutable, Alias("fleet.shard-assignment")]
public sealed record ShardAssignment
{
    [Id(0)] public required RolloutId Rollout { get; init; }

    /// <summary>From 0.</summary>
    [Id(1)] public required int Shard { get; init; }

    /// <summary>The position of the first thing in the rollout's order.</summary>
    [Id(2)] public required long FirstPosition { get; init; }

    /// <summary>In the rollout's order: at most 1,000.</summary>
    [Id(3)] public required ImmutableArray<ThingName> Things { get; init; }
    [Id(4)] public required ModelName Model { get; init; }
    [Id(5)] public required FirmwareVersion Version { get; init; }
    [Id(6)] public required StreamId Stream { get; init; }

    /// <summary>The job document, a JSON object as text.</summary>
    [Id(7)] public required string Document { get; init; }
    [Id(8)] public required RolloutDeadlines Deadlines { get; init; }
    [Id(9)] public required RolloutProof Proof { get; init; }
}

[GenerateSerializer, Alias("fleet.shard-order-kind")]
public enum ShardOrderKind
{
    /// <summary>Offer, up to the allowance.</summary>
    Run,

    /// <summary>No further offer; take back what no device has started.</summary>
    Stop,

    /// <summary>End every execution that has no outcome yet.</summary>
    Cancel,
}

/// <param name="Generation">Grows with every stop, resume and cancel of the rollout.</param>
/// <param name="Allowance">
/// For <see cref="ShardOrderKind.Run"/>: how many offers the shard may have begun since it exists, repeats after a withdrawal counted.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.shard-order")]
public sealed record ShardOrder(
    [property: Id(0)] int Generation,
    [property: Id(1)] ShardOrderKind Kind,
    [property: Id(2)] int Allowance);

/// <summary>How a shard stands. The whole standing each time, so that one may be lost.</summary>
/// <param name="Version">Grows with each change; the rollout drops a report that is not newer than what it has.</param>
/// <param name="Generation">Of the last order it follows.</param>
/// <param name="Settled">True when no offer and no withdrawal of it is unanswered: a stop is complete.</param>
/// <param name="Admitted">Offers begun since the shard exists, repeats after a withdrawal counted: what it used of its allowance.</param>
/// <param name="Slots">Concurrency slots in use: open executions with a sign of progress within the lease.</param>
[GenerateSerializer, Immutable, Alias("fleet.shard-report")]
public sealed record ShardReport(
    [property: Id(0)] int Shard,
    [property: Id(1)] long Version,
    [property: Id(2)] int Generation,
    [property: Id(3)] bool Settled,
    [property: Id(4)] int Admitted,
    [property: Id(5)] int Slots,
    [property: Id(6)] RolloutCounts Counts);
