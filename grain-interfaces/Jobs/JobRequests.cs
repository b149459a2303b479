using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Jobs;

/// <summary>GetPendingJobExecutions' answer; each list by <see cref="JobExecution.QueuedAt"/>.</summary>
[GenerateSerializer, Immutable, Alias("fleet.pending-jobs")]
public sealed record PendingJobs(
    [property: Id(0)] ImmutableArray<JobExecution> InProgress,
    [property: Id(1)] ImmutableArray<JobExecution> Queued);

/// <summary>The fields of a start-next request that the device plane acts on.</summary>
/// <param name="StatusDetails">Stored only if this call moves QUEUED to IN_PROGRESS; null when the request has none.</param>
[GenerateSerializer, Immutable, Alias("fleet.start-next-job")]
public sealed record StartNextJob([property: Id(0)] ImmutableSortedDictionary<string, string>? StatusDetails);

[GenerateSerializer, Immutable, Alias("fleet.describe-job-result")]
public abstract record DescribeJobResult
{
    private DescribeJobResult() { }

    /// <param name="Execution">Null for $next with nothing pending.</param>
    [GenerateSerializer, Immutable, Alias("fleet.describe-job-result.found")]
    public sealed record Found([property: Id(0)] JobExecution? Execution) : DescribeJobResult;

    [GenerateSerializer, Immutable, Alias("fleet.describe-job-result.not-found")]
    public sealed record NotFound : DescribeJobResult;
}

/// <summary>An UpdateJobExecution request, checked for shape (spec 2.3) before it comes here.</summary>
/// <param name="Status">IN_PROGRESS, SUCCEEDED, FAILED or REJECTED.</param>
/// <param name="StatusDetails">Replaces the stored map; null keeps it.</param>
/// <param name="SessionEpoch">Of the session that the device said it in: <see cref="Devices.DeviceSession.Epoch"/>.</param>
[GenerateSerializer, Immutable, Alias("fleet.update-job")]
public sealed record UpdateJob(
    [property: Id(0)] JobId JobId,
    [property: Id(1)] JobExecutionStatus Status,
    [property: Id(2)] ImmutableSortedDictionary<string, string>? StatusDetails,
    [property: Id(3)] int? ExpectedVersion,
    [property: Id(4)] int? ExecutionNumber,
    [property: Id(5)] SessionEpoch? SessionEpoch = null);

[GenerateSerializer, Immutable, Alias("fleet.update-job-result")]
public abstract record UpdateJobResult
{
    private UpdateJobResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.update-job-result.accepted")]
    public sealed record Accepted([property: Id(0)] JobExecution Execution) : UpdateJobResult;

    [GenerateSerializer, Immutable, Alias("fleet.update-job-result.not-found")]
    public sealed record NotFound : UpdateJobResult;

    /// <summary>expectedVersion is not the current one.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.update-job-result.version-mismatch")]
    public sealed record VersionMismatch([property: Id(0)] JobExecution Execution) : UpdateJobResult;

    /// <summary>The device has a newer session than the one that this was said in: it is late, and changes nothing.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.update-job-result.overtaken")]
    public sealed record Overtaken : UpdateJobResult;

    /// <summary>The execution has ended; a second terminal report comes here too.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.update-job-result.invalid-transition")]
    public sealed record InvalidTransition([property: Id(0)] JobExecution Execution) : UpdateJobResult;
}

/// <summary>What to publish on jobs/notify and jobs/notify-next (spec 2.6).</summary>
/// <param name="Pending">The list for notify; null: no notify.</param>
/// <param name="SendNext">Whether notify-next goes out.</param>
/// <param name="Next">Its execution; null: nothing is pending.</param>
[GenerateSerializer, Immutable, Alias("fleet.job-notification")]
public sealed record JobNotification(
    [property: Id(0)] ThingName Thing,
    [property: Id(1)] PendingJobs? Pending,
    [property: Id(2)] bool SendNext,
    [property: Id(3)] JobExecution? Next,
    [property: Id(4)] DateTimeOffset At);
