using System.Diagnostics;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>What a device asks about its jobs: spec/aws-iot-topics.md, 2.3 and 2.4.</summary>
internal static class DeviceJobs
{
    /// <summary>
    /// How old the shard's last report may be before mere progress is reported again. A third of the slot's lease, so that a device which
    /// downloads for an hour keeps its slot even if a report is lost.
    /// </summary>
    public static readonly TimeSpan ProgressReportAge = TimeSpan.FromSeconds(100);

    public static DeviceDecision<JobExecution?> StartNext(DeviceState state, ThingName thing, StartNextJob request, DateTimeOffset now)
    {
        var head = JobQueue.Head(state.Open);
        if (head is null) return DeviceDecision.Of<JobExecution?>(null);
        if (head.Status is JobExecutionStatus.InProgress) return DeviceDecision.Of<JobExecution?>(head.ToWire(thing));
        return DeviceDecision.Of<JobExecution?>(
            state, after => after.Find(head.JobId, head.Number)!.ToWire(thing), Start(head, request.StatusDetails, now));
    }

    public static DescribeJobResult Describe(DeviceState state, ThingName thing, JobId? job, int? number)
    {
        if (job is not { } id) return new DescribeJobResult.Found(JobQueue.Head(state.Open)?.ToWire(thing));
        var execution = number is { } n ? state.Find(id, n) : state.Latest(id);
        return execution is { NeverCame: false } ? new DescribeJobResult.Found(execution.ToWire(thing)) : new DescribeJobResult.NotFound();
    }

    public static bool MayDownload(DeviceState state, StreamId stream) =>
        state.Open.Any(e => e.IsPending && e.Stream == stream && e.Stage is JobStage.Queued or JobStage.Downloading or JobStage.Installing);

    public static DeviceDecision<UpdateJobResult> Update(DeviceState state, ThingName thing, UpdateJob update, DateTimeOffset now)
    {
        if (update.SessionEpoch < state.SessionEpoch) return DeviceDecision.Of<UpdateJobResult>(new UpdateJobResult.Overtaken());
        var execution = update.ExecutionNumber is { } number ? state.Find(update.JobId, number) : state.Latest(update.JobId);
        if (execution is not { NeverCame: false }) return DeviceDecision.Of<UpdateJobResult>(new UpdateJobResult.NotFound());
        bool lastWord = IsLastWord(execution, update.Status);
        bool starts = execution.Status is JobExecutionStatus.Queued
            && update.Status is JobExecutionStatus.InProgress or JobExecutionStatus.Succeeded;
        if ((!execution.IsPending && !lastWord) || (starts && JobQueue.AnotherUnderWay(state.Open, execution)))
            return DeviceDecision.Of<UpdateJobResult>(new UpdateJobResult.InvalidTransition(execution.ToWire(thing)));
        if (update.ExpectedVersion is { } expected && expected != execution.VersionNumber)
            return DeviceDecision.Of<UpdateJobResult>(new UpdateJobResult.VersionMismatch(execution.ToWire(thing)));

        var events = lastWord
            ? [new LastWordSaid(execution.JobId, execution.Number, update.StatusDetails, now)]
            : Accept(state, execution, update, now);
        return DeviceDecision.Of<UpdateJobResult>(
            state,
            after => new UpdateJobResult.Accepted(after.Find(execution.JobId, execution.Number)!.ToWire(thing) with
            {
                Document = execution.Document ?? JobDocuments.Dropped,
            }),
            events.AsSpan());
    }

    /// <summary>It ended by what the device reported; now the device says the same itself.</summary>
    private static bool IsLastWord(DeviceExecution execution, JobExecutionStatus status) =>
        execution is { AwaitsLastWord: true } && execution.Status == status;

    private static ImmutableArray<DeviceEvent> Accept(
        DeviceState state, DeviceExecution execution, UpdateJob update, DateTimeOffset now) => update.Status switch
    {
        JobExecutionStatus.InProgress => Progress(state, execution, update.StatusDetails, now),
        // The device is done; what counts is that it comes back (design, section 8, promise 1).
        JobExecutionStatus.Succeeded when execution.BootProof => Then(state, now, new ExecutionProgressed(
            execution.JobId, execution.Number, JobExecutionStatus.Succeeded, JobStage.Confirming, update.StatusDetails, now)),
        JobExecutionStatus.Succeeded => [End(execution, update, JobOutcome.Succeeded, now)],
        JobExecutionStatus.Failed => [End(execution, update, FailureOf(state, execution), now)],
        JobExecutionStatus.Rejected => [End(execution, update, JobOutcome.Rejected, now)],
        _ => throw new ArgumentOutOfRangeException(nameof(update), update.Status, "Only the service sets this status."),
    };

    private static ImmutableArray<DeviceEvent> Progress(
        DeviceState state, DeviceExecution execution, ImmutableSortedDictionary<string, string>? details, DateTimeOffset now)
    {
        if (execution.Status is JobExecutionStatus.Queued) return Then(state, now, Start(execution, details, now));
        var stage = JobProgress.StageOf(execution.Stage, details);
        var events = Then(
            state, now, new ExecutionProgressed(execution.JobId, execution.Number, JobExecutionStatus.InProgress, stage, details, now));
        return stage == execution.Stage && now - execution.ReportedAt >= ProgressReportAge
            ? [.. events, new ReportRenewed(execution.JobId, execution.Number, now)]
            : events;
    }

    private static ExecutionProgressed Start(
        DeviceExecution execution, ImmutableSortedDictionary<string, string>? details, DateTimeOffset now) =>
        new(execution.JobId, execution.Number, JobExecutionStatus.InProgress, JobProgress.StageOf(execution.Stage, details), details, now);

    private static ImmutableArray<DeviceEvent> Then(DeviceState state, DateTimeOffset now, DeviceEvent e) =>
        [e, .. DeviceProofs.Consequences(DeviceCore.Apply(state, e), now)];

    private static ExecutionEnded End(DeviceExecution execution, UpdateJob update, JobOutcome outcome, DateTimeOffset now) =>
        new(execution.JobId, execution.Number, update.Status, outcome, JobProgress.ReasonOf(update.StatusDetails), update.StatusDetails,
            ByDevice: true, now);

    /// <summary>A device that is back and says it failed runs its old version: it rolled back.</summary>
    private static JobOutcome FailureOf(DeviceState state, DeviceExecution execution) =>
        execution is { Stage: JobStage.Confirming, BackEpoch: not null } && state.Firmware is { } running && running != execution.Version
            ? JobOutcome.RolledBack
            : JobOutcome.Failed;
}
