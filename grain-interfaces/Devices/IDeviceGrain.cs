using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Devices;

/// <summary>One device: what it is, whether it is there, and the jobs it has. The key is the thing name.</summary>
[Alias("fleet.device-grain")]
public interface IDeviceGrain : IGrainWithStringKey
{
    /// <summary>Makes the device, or merges into it. A repeat changes nothing.</summary>
    Task<RegisterDeviceResult> Register(DeviceRegistration registration);

    /// <summary>The device as operators see it, or null if nobody registered it.</summary>
    Task<DeviceView?> Get();

    /// <summary>
    /// A session that is this device's own opened: its certificate is the thing's and its client id is the thing name. Ignored if a newer
    /// one did before.
    /// </summary>
    Task Connected(DeviceSession session);

    /// <summary>A session ended. Ignored unless it is the current one.</summary>
    Task Disconnected(string sessionId, DisconnectReason reason, DateTimeOffset at);

    /// <summary>
    /// A gateway died. Returns the session that the device had there, which is over; null if it has none there (any more).
    /// </summary>
    Task<DeviceSession?> GatewayLost(string gatewayId, DateTimeOffset at);

    /// <summary>The session's heartbeat is overdue by its own declaration. Ignored unless it is the current one.</summary>
    Task Stale(string sessionId, DateTimeOffset lastSeenAt);

    /// <summary>
    /// The device was heard; the gateway batches these (about one a minute) and one that follows Stale ends it. Not
    /// written to storage by itself.
    /// </summary>
    Task Seen(string sessionId, DateTimeOffset lastSeenAt);

    /// <summary>The classic shadow's reported section carries firmware or health.</summary>
    Task ReportFirmware(FirmwareReport report);

    /// <summary>A rollout offers its job. A repeat of the same job and execution number answers as the first did.</summary>
    Task<OfferResult> Offer(JobOffer offer);

    /// <summary>Takes back an offer that the device has not started; a started execution stays.</summary>
    Task<WithdrawResult> Withdraw(JobId job, int executionNumber);

    /// <summary>
    /// Ends an execution whatever the device does: CANCELED on the wire, its download revoked. The answer says how it ended, which may be
    /// in another way before this call; null if it never came here (and never will).
    /// </summary>
    Task<ExecutionReport?> Cancel(JobId job, int executionNumber);

    /// <summary>
    /// The owner of the deadlines asks the device to look at an execution: one still in the stage named, past the deadline, times out; one
    /// that is confirming and has been healthy for long enough succeeds. The answer is how it stands now; null if
    /// the device does not know it.
    /// </summary>
    Task<ExecutionReport?> Review(JobId job, int executionNumber, JobStage stage, bool expired);

    /// <summary>GetPendingJobExecutions: spec/aws-iot-topics.md, 2.3.</summary>
    Task<PendingJobs> GetPendingJobs();

    /// <summary>StartNextPendingJobExecution; null when nothing is pending.</summary>
    Task<JobExecution?> StartNextJob(StartNextJob request);

    /// <summary>DescribeJobExecution; <paramref name="job"/> null means $next.</summary>
    Task<DescribeJobResult> DescribeJob(JobId? job, int? executionNumber);

    /// <summary>UpdateJobExecution.</summary>
    Task<UpdateJobResult> UpdateJob(UpdateJob request);

    /// <summary>True while this device has a job under way (or offered) whose file is in the stream.</summary>
    Task<bool> MayDownload(StreamId stream);
}
