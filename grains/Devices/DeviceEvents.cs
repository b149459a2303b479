using Fleet.Grains.Jobs;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>What happened to a device.</summary>
internal abstract record DeviceEvent
{
    /// <summary>False for what may be lost with the process: it is stored with the next event that may not.</summary>
    public virtual bool IsDurable => true;
}

internal sealed record DeviceRegistered(
    ThingName Thing, ModelName Model, ImmutableSortedDictionary<string, string> Attributes, string RegisteredBy,
    DateTimeOffset At) : DeviceEvent;

internal sealed record SessionOpened(DeviceSession Session) : DeviceEvent;

internal sealed record SessionClosed(DisconnectReason Reason, DateTimeOffset At) : DeviceEvent;

internal sealed record SessionWentStale(DateTimeOffset LastSeenAt, DateTimeOffset At) : DeviceEvent;

internal sealed record SessionRecovered(DateTimeOffset At) : DeviceEvent;

internal sealed record DeviceHeard(DateTimeOffset At) : DeviceEvent
{
    public override bool IsDurable => false;
}

/// <param name="Matters">False for one that says what is known already while nobody waits for a proof.</param>
/// <param name="Proves">The device itself said it.</param>
internal sealed record FirmwareReported(FirmwareReport Report, bool Matters, bool Proves, DateTimeOffset At) : DeviceEvent
{
    public override bool IsDurable => Matters;
}

/// <summary>An event of one execution.</summary>
internal abstract record ExecutionEvent(JobId JobId, int Number) : DeviceEvent;

internal sealed record ExecutionQueued(JobOffer Offer, DateTimeOffset At) : ExecutionEvent(Offer.JobId, Offer.ExecutionNumber);

/// <summary>An offer that never becomes an execution; kept so that its repeat is answered in the same way.</summary>
internal sealed record OfferAnswered(JobOffer Offer, OfferAnswer Answer, string Detail, DateTimeOffset At)
    : ExecutionEvent(Offer.JobId, Offer.ExecutionNumber);

/// <summary>Taken back before the device started it, perhaps before it came at all.</summary>
internal sealed record OfferWithdrawn(JobId JobId, int Number, DateTimeOffset At) : ExecutionEvent(JobId, Number);

/// <summary>The device started it, reported progress, or (with <paramref name="Status"/> Succeeded) says that it is done.</summary>
internal sealed record ExecutionProgressed(
    JobId JobId, int Number, JobExecutionStatus Status, JobStage Stage, ImmutableSortedDictionary<string, string>? Details,
    DateTimeOffset At)
    : ExecutionEvent(JobId, Number);

/// <summary>A confirming device opened its first session since it said so.</summary>
internal sealed record DeviceCameBack(JobId JobId, int Number, SessionEpoch SessionEpoch) : ExecutionEvent(JobId, Number);

/// <summary>It is back with its old version, and had not left: its connection broke, perhaps before it could restart.</summary>
/// <param name="Until">From then on the old version counts.</param>
internal sealed record RestartStillDue(JobId JobId, int Number, SessionEpoch? SessionEpoch, DateTimeOffset Until, DateTimeOffset At)
    : ExecutionEvent(JobId, Number);

/// <param name="DueAt">When the proof will be complete if the device stays as it is; null: not in sight (any more).</param>
internal sealed record ProofDue(JobId JobId, int Number, DateTimeOffset? DueAt, DateTimeOffset At) : ExecutionEvent(JobId, Number);

/// <param name="ByDevice">Whether the device itself said so, in its final update.</param>
internal sealed record ExecutionEnded(
    JobId JobId, int Number, JobExecutionStatus Status, JobOutcome Outcome, string? Detail,
    ImmutableSortedDictionary<string, string>? Details, bool ByDevice, DateTimeOffset At) : ExecutionEvent(JobId, Number);

/// <summary>The device's own final update, of an execution that ended by what it reported before.</summary>
internal sealed record LastWordSaid(JobId JobId, int Number, ImmutableSortedDictionary<string, string>? Details, DateTimeOffset At)
    : ExecutionEvent(JobId, Number);

/// <summary>The shard has heard nothing for a while, or missed how it ended: it is told again.</summary>
internal sealed record ReportRenewed(JobId JobId, int Number, DateTimeOffset At) : ExecutionEvent(JobId, Number);
