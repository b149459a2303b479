using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Jobs;

/// <summary>
/// How an execution stands, as its device tells the shard that counts it. The whole standing each time, so that one may be lost.
/// </summary>
/// <param name="Revision">Grows with each report of the execution; a shard drops one that is not newer than what it has.</param>
/// <param name="Outcome">Set when <paramref name="Stage"/> is <see cref="JobStage.Ended"/>.</param>
/// <param name="Detail">Why it ended as it did: the device's own reason, or the service's. Null when nobody said.</param>
/// <param name="StageEnteredAt">The stage's deadline counts from here.</param>
/// <param name="At">The last sign of progress; the execution's concurrency slot is leased from here.</param>
/// <param name="ReviewAt">When the device will have been healthy for long enough, if it stays so; null while that is not in sight.</param>
[GenerateSerializer, Immutable, Alias("fleet.execution-report")]
public sealed record ExecutionReport(
    [property: Id(0)] JobId JobId,
    [property: Id(1)] ThingName Thing,
    [property: Id(2)] int ExecutionNumber,
    [property: Id(3)] long Revision,
    [property: Id(4)] JobStage Stage,
    [property: Id(5)] JobOutcome? Outcome,
    [property: Id(6)] string? Detail,
    [property: Id(7)] DateTimeOffset StageEnteredAt,
    [property: Id(8)] DateTimeOffset At,
    [property: Id(9)] DateTimeOffset? ReviewAt);
