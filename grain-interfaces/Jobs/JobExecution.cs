using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Jobs;

/// <summary>Status on the wire: spec/aws-iot-topics.md, 2.4.</summary>
[GenerateSerializer, Alias("fleet.job-execution-status")]
public enum JobExecutionStatus
{
    Queued,
    InProgress,
    Succeeded,
    Failed,
    Rejected,
    TimedOut,
    Canceled,
    Removed,
}

/// <summary>How far an execution is, as the rollout counts it. Each has a deadline of its own in the plan.</summary>
[GenerateSerializer, Alias("fleet.job-stage")]
public enum JobStage
{
    /// <summary>Offered, not started.</summary>
    Queued,

    /// <summary>Started: the device fetches the file.</summary>
    Downloading,

    /// <summary>The device has the file whole and writes it to the inactive slot.</summary>
    Installing,

    /// <summary>The device says it is installed; it must come back with the new version and be healthy.</summary>
    Confirming,

    /// <summary>Over; the outcome says how.</summary>
    Ended,
}

/// <summary>How an execution ended: success, or one of the design's failure kinds (section 8, promise 2).</summary>
[GenerateSerializer, Alias("fleet.job-outcome")]
public enum JobOutcome
{
    Succeeded,
    Rejected,
    Failed,
    TimedOutQueued,
    TimedOutDownloading,
    TimedOutInstalling,
    TimedOutConfirming,
    RolledBack,
    Removed,
    Cancelled,
}

/// <summary>One thing's run of a job.</summary>
[GenerateSerializer, Immutable, Alias("fleet.job-execution")]
public sealed record JobExecution
{
    [Id(0)] public required JobId JobId { get; init; }
    [Id(1)] public required ThingName Thing { get; init; }

    /// <summary>Which attempt of this job on this thing, from 1.</summary>
    [Id(2)] public required int ExecutionNumber { get; init; }

    /// <summary>From 1, +1 per change of the execution.</summary>
    [Id(3)] public required int VersionNumber { get; init; }
    [Id(4)] public required JobExecutionStatus Status { get; init; }
    [Id(5)] public required JobStage Stage { get; init; }
    [Id(6)] public required JobOutcome? Outcome { get; init; }

    /// <summary>What the device said last, kept as it was said.</summary>
    [Id(7)] public required ImmutableSortedDictionary<string, string> StatusDetails { get; init; }
    [Id(8)] public required DateTimeOffset QueuedAt { get; init; }
    [Id(9)] public required DateTimeOffset? StartedAt { get; init; }
    [Id(10)] public required DateTimeOffset LastUpdatedAt { get; init; }

    /// <summary>
    /// The job document, a JSON object as text, member order kept. May hold <see cref="JobDocuments.DownloadUrlPlaceholder"/>.
    /// </summary>
    [Id(11)] public required string Document { get; init; }

    /// <summary>
    /// When this execution's download URL stops being good; fixed at the offer, so that the URL never changes (spec 2.6).
    /// </summary>
    [Id(12)] public required DateTimeOffset DownloadUntil { get; init; }

    /// <summary>The stream of the job's file.</summary>
    [Id(13)] public required StreamId? Stream { get; init; }
}

public static class JobDocuments
{
    /// <summary>Stands in a document where the gateway puts the signed URL when it hands the document to a device (spec 2.7).</summary>
    public const string DownloadUrlPlaceholder = "${fleet:download-url}";

    /// <summary>Stands for the document of an execution that has ended: it is not kept.</summary>
    public const string Dropped = "{}";
}
