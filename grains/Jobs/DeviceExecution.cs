using System.Text.Json.Serialization;
using Fleet.Interfaces;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Jobs;

/// <summary>What the device answered to the offer first; a repeat of the offer gets it again.</summary>
internal enum OfferAnswer { Queued, AlreadyInstalled, Unfit }

/// <summary>One execution as its device keeps it: the offer, how far it is on the wire, and how far it is proven.</summary>
/// <remarks>
/// The wire status and the outcome are two things: a device that says SUCCEEDED is done on the wire, but has no outcome until it is back
/// with the new version (design, section 8, promise 1).
/// </remarks>
internal sealed record DeviceExecution
{
    public JobId JobId { get; init; }
    public int Number { get; init; }
    public OfferAnswer Answer { get; init; }

    /// <summary>The shard that counts it; null for an offer that was taken back before it came.</summary>
    public string? ReportTo { get; init; }

    /// <summary>The version that the device must come back with.</summary>
    public FirmwareVersion? Version { get; init; }
    public StreamId? Stream { get; init; }

    /// <summary>Null once it has ended: it is the largest part, and nobody asks for it again.</summary>
    public string? Document { get; init; }
    public DateTimeOffset DownloadUntil { get; init; }
    public bool BootProof { get; init; }
    public TimeSpan HealthyFor { get; init; }

    public JobExecutionStatus Status { get; init; }
    public JobStage Stage { get; init; }
    public JobOutcome? Outcome { get; init; }
    public string? Detail { get; init; }

    /// <summary>versionNumber on the wire.</summary>
    public int VersionNumber { get; init; }

    /// <summary>Of the last report to the shard.</summary>
    public long Revision { get; init; }
    public ImmutableSortedDictionary<string, string>? StatusDetails { get; init; }
    public DateTimeOffset QueuedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset LastUpdatedAt { get; init; }
    public DateTimeOffset StageEnteredAt { get; init; }

    /// <summary>The last sign of progress that the shard was told of.</summary>
    public DateTimeOffset ReportedAt { get; init; }

    /// <summary>The session in which the device said that it is confirming: only a newer one can be its return.</summary>
    public SessionEpoch? ConfirmingEpoch { get; init; }

    /// <summary>The device itself ended that session, as one that restarts does. Another end need not mean that it restarted.</summary>
    public bool Left { get; init; }

    /// <summary>Until when a device that came back with its old version, without having left, may still restart.</summary>
    public DateTimeOffset? RestartBy { get; init; }

    /// <summary>
    /// The first session after that (the last one, while a restart is still due); null while the device has not come back.
    /// </summary>
    public SessionEpoch? BackEpoch { get; init; }

    /// <summary>When it will have been healthy for long enough, if it stays so.</summary>
    public DateTimeOffset? ReviewAt { get; init; }

    /// <summary>
    /// The service ended it, by what the device reported, before the device itself said so: its own last word is still to come.
    /// </summary>
    public bool AwaitsLastWord { get; init; }

    /// <summary>On the device's list of jobs.</summary>
    [JsonIgnore]
    public bool IsPending => Status is JobExecutionStatus.Queued or JobExecutionStatus.InProgress;

    /// <summary>Done as far as the device knows, without an outcome.</summary>
    [JsonIgnore]
    public bool AwaitsProof => Outcome is null && !IsPending;

    /// <summary>Taken back, or cancelled, before the offer came; nobody asked this device for anything.</summary>
    [JsonIgnore]
    public bool NeverCame => Version is null;

    public bool Is(JobId job, int number) => JobId == job && Number == number;

    public static DeviceExecution Offered(JobOffer offer, DateTimeOffset at) => new()
    {
        JobId = offer.JobId,
        Number = offer.ExecutionNumber,
        ReportTo = offer.ReportTo,
        Version = offer.Version,
        Stream = offer.Stream,
        Document = offer.Document,
        DownloadUntil = offer.DownloadUntil,
        BootProof = offer.BootProof,
        HealthyFor = offer.HealthyFor,
        Status = JobExecutionStatus.Queued,
        Stage = JobStage.Queued,
        VersionNumber = 1,
        Revision = 1,
        QueuedAt = at,
        LastUpdatedAt = at,
        StageEnteredAt = at,
        ReportedAt = at,
    };

    public JobExecution ToWire(ThingName thing) => new()
    {
        JobId = JobId,
        Thing = thing,
        ExecutionNumber = Number,
        VersionNumber = VersionNumber,
        Status = Status,
        Stage = Stage,
        Outcome = Outcome,
        StatusDetails = StatusDetails ?? ImmutableSortedDictionary<string, string>.Empty,
        QueuedAt = QueuedAt,
        StartedAt = StartedAt,
        LastUpdatedAt = LastUpdatedAt,
        Document = Document ?? JobDocuments.Dropped,
        DownloadUntil = DownloadUntil,
        Stream = Stream,
    };

    public ExecutionReport ToReport(ThingName thing) =>
        new(JobId, thing, Number, Revision, Stage, Outcome, Detail, StageEnteredAt, ReportedAt, ReviewAt);
}
