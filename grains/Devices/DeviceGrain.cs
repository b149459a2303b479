using Fleet.Grains.Jobs;
using Fleet.Grains.Records;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Devices;

internal sealed class DeviceGrain(
    [PersistentState("device")] IPersistentState<DeviceState> record, TimeProvider clock, ILogger<DeviceGrain> log) : Grain, IDeviceGrain
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private bool delivering;

    /// <summary>
    /// The last write. Until it has ended well, what is in memory is told to nobody: were it lost, others would know a revision that comes
    /// again with something else in it.
    /// </summary>
    private Task saving = Task.CompletedTask;

    /// <summary>Effects were delivered since the last write.</summary>
    private bool cleared;

    private IGrainTimer? retry;

    /// <summary>
    /// Ended by this activation when it began: the fail-over of its gateway, which may be what has activated it, is still to hear of it.
    /// </summary>
    private DeviceSession? lost;

    private ThingName Thing => record.State.Thing ??
        (ThingName.TryParse(this.GetPrimaryKeyString(), out var name)
            ? name : throw new InvalidOperationException("The key is not a thing name."));

    private DateTimeOffset Now => clock.GetUtcNow();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(record);
        // A process that ended without a word closed no session. Its id is known to be dead, so its sessions are too.
        if (record.State.Session is { } session && await IsDead(session.GatewayId))
        {
            await Disconnected(session.SessionId, DisconnectReason.GatewayLost, Now);
            lost = session;
        }
        Deliver();
    }

    /// <summary>Saves what was delivered, so that the next activation does not deliver it again.</summary>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) =>
        cleared ? record.WriteStateAsync(cancellationToken) : Task.CompletedTask;

    public Task<RegisterDeviceResult> Register(DeviceRegistration registration) =>
        Handle(DeviceRegistry.Register(record.State, Thing, registration, Now));

    public Task<DeviceView?> Get() => Task.FromResult(DeviceViews.Of(record.State));

    public Task Connected(DeviceSession session)
    {
        lost = null;
        return Handle(DevicePresence.Connected(record.State, session, Now));
    }

    public Task Disconnected(string sessionId, DisconnectReason reason, DateTimeOffset at) =>
        Handle(DevicePresence.Disconnected(record.State, sessionId, reason, at, Now));

    public Task<DeviceSession?> GatewayLost(string gatewayId, DateTimeOffset at)
    {
        if (lost is not { } session || session.GatewayId != gatewayId)
            return Handle(DevicePresence.GatewayLost(record.State, gatewayId, at, Now));
        lost = null;
        return Task.FromResult<DeviceSession?>(session);
    }

    public Task Stale(string sessionId, DateTimeOffset lastSeenAt) =>
        Handle(DevicePresence.Stale(record.State, sessionId, lastSeenAt, Now));

    public Task Seen(string sessionId, DateTimeOffset lastSeenAt) => Handle(DevicePresence.Seen(record.State, sessionId, lastSeenAt, Now));

    public Task ReportFirmware(FirmwareReport report) => Handle(DevicePresence.Report(record.State, report, Now));

    public Task<OfferResult> Offer(JobOffer offer) => Handle(DeviceOffers.Offer(record.State, offer, Now));

    public Task<WithdrawResult> Withdraw(JobId job, int executionNumber) =>
        Handle(DeviceOffers.Withdraw(record.State, job, executionNumber, Now));

    public Task<ExecutionReport?> Cancel(JobId job, int executionNumber) =>
        Handle(DeviceOffers.Cancel(record.State, Thing, job, executionNumber, Now));

    public async Task<ExecutionReport?> Review(JobId job, int executionNumber, JobStage stage, bool expired)
    {
        // "Unknown" ends the execution without a write that would tell whether another activation, on another silo, has taken it since.
        if (record.State.Find(job, executionNumber) is null) await record.ReadStateAsync();
        return await Handle(DeviceOffers.Review(record.State, Thing, job, executionNumber, stage, expired, Now));
    }

    public Task<PendingJobs> GetPendingJobs() => Task.FromResult(JobQueue.Pending(record.State.Open, Thing));

    public Task<JobExecution?> StartNextJob(StartNextJob request) => Handle(DeviceJobs.StartNext(record.State, Thing, request, Now));

    public Task<DescribeJobResult> DescribeJob(JobId? job, int? executionNumber) =>
        Task.FromResult(DeviceJobs.Describe(record.State, Thing, job, executionNumber));

    public Task<UpdateJobResult> UpdateJob(UpdateJob request) => Handle(DeviceJobs.Update(record.State, Thing, request, Now));

    public Task<bool> MayDownload(StreamId stream) => Task.FromResult(DeviceJobs.MayDownload(record.State, stream));

    /// <summary>
    /// False as well while that cannot be known, because a silo has just died: the fail-over of its gateway, or the next activation, finds
    /// out.
    /// </summary>
    private async Task<bool> IsDead(string gatewayId)
    {
        try
        {
            return !await GrainFactory.GetGrain<IGatewayGrain>(gatewayId).IsLive();
        }
        catch (Exception e)
        {
            log.GatewayUnknown(e, Thing.Value, gatewayId);
            return false;
        }
    }

    private async Task<TAnswer> Handle<TAnswer>(DeviceDecision<TAnswer> decision)
    {
        if (decision.Events.IsEmpty) return decision.Answer;
        var next = decision.Events.Aggregate(record.State, DeviceCore.Apply);
        record.State = next with { Outbox = decision.Effects.Aggregate(next.Outbox, (outbox, effect) => outbox.With(effect)) };
        if (decision.Events.Any(e => e.IsDurable))
        {
            await Save();
            // Not the one that has ended: it holds on to all that it took.
            saving = Task.CompletedTask;
        }
        Deliver();
        return decision.Answer;
    }

    private Task Save()
    {
        cleared = false;
        saving = this.Save(record, record.State);
        return saving;
    }

    /// <summary>Posts what is owed. It is not awaited: the shard that a report goes to may be waiting for this device.</summary>
    private void Deliver()
    {
        if (delivering || record.State.Outbox.IsEmpty) return;
        delivering = true;
        _ = DeliverAll();
    }

    private async Task DeliverAll()
    {
        bool all = true;
        while (all && record.State.Outbox is { IsEmpty: false } outbox)
        {
            if (outbox.Notification is { } notification)
                all &= await TryDeliver(() => Notify(notification), o => o.WithoutNotification(notification));
            foreach (var report in outbox.Reports) all &= await TryDeliver(() => Report(report), o => o.WithoutReport(report));
        }
        delivering = false;
        if (all) return;
        retry ??= this.RegisterGrainTimer(Retry, RetryAfter, Timeout.InfiniteTimeSpan);
        retry.Change(RetryAfter, Timeout.InfiniteTimeSpan);
    }

    private Task Retry()
    {
        Deliver();
        return Task.CompletedTask;
    }

    private async Task<bool> TryDeliver(Func<Task> deliver, Func<DeviceOutbox, DeviceOutbox> clear)
    {
        try
        {
            while (!saving.IsCompletedSuccessfully) await saving;
            await deliver();
        }
        catch (Exception e)
        {
            // Whatever went wrong, it is still owed, and tried again until it is delivered.
            log.DeliveryFailed(e, Thing.Value);
            return false;
        }
        record.State = record.State with { Outbox = clear(record.State.Outbox) };
        cleared = true;
        return true;
    }

    private Task Notify(OwedNotification owed)
    {
        var state = record.State;
        if (state.Session is not { } session || session.SessionId != owed.SessionId) return Task.CompletedTask;
        return GrainFactory.GetGrain<IGatewayGrain>(session.GatewayId).NotifyJobs(new JobNotification(
            Thing,
            owed.Notify ? JobQueue.PendingForNotify(state.Open, Thing) : null,
            owed.NotifyNext,
            owed.NotifyNext ? JobQueue.Head(state.Open)?.ToWire(Thing) : null,
            Now));
    }

    private Task Report(OwedReport owed) =>
        record.State.Find(owed.JobId, owed.Number) is { ReportTo: { } shard } execution
            ? GrainFactory.GetGrain<IRolloutShardGrain>(shard).Report(execution.ToReport(Thing))
            : Task.CompletedTask;
}
