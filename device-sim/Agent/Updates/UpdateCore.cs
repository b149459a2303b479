using System.Diagnostics;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Jobs;
using static Fleet.DeviceSim.Agent.Updates.UpdateEffect;
using static Fleet.DeviceSim.Agent.Updates.UpdateInput;

namespace Fleet.DeviceSim.Agent.Updates;

/// <summary>
/// The rules of an update: start-next → downloading → installing → (slot written) confirming → restart → proof → outcome. Every
/// answer is safe to give twice, because the service repeats itself and so does a device that lost its power.
/// </summary>
internal static class UpdateCore
{
    /// <summary>Downloads that may come out with a wrong digest before the update fails.</summary>
    public const int DigestAttempts = 3;

    /// <summary>URLs that may be refused before the update fails.</summary>
    public const int LinkAttempts = 3;

    /// <param name="running">What runs now.</param>
    /// <param name="fetching">A download is under way.</param>
    public static UpdateDecision Decide(
        DeviceState state, RunningImage running, bool fetching, UpdateInput input) => (input, state.Update) switch
    {
        (HeadIs { Execution: null }, var update) => NothingPending(state, running, update),
        (HeadIs { Execution: { } execution } head, var update) => Head(state, running, fetching, execution, head.Admission, update),
        (Proved, { Step: UpdateStep.Confirming, Announced: true } update) => Prove(state, running, update),
        (Proved, { Step: UpdateStep.Decided } update) => Do(state, Report(update)),
        (Proved, _) => Do(state, new StartNext()),
        ({ About: { } about }, var update) when update?.Job.Key != about => Nothing(state),

        (Fetched, { Step: UpdateStep.Downloading } update) => Advance(state, update, UpdateStep.Installing),
        (DigestWrong, { Step: UpdateStep.Downloading } update) when update.WrongDigests + 1 < DigestAttempts =>
            Do(state with { Update = update with { WrongDigests = update.WrongDigests + 1 } }, new Discard(), new Download(update.Job)),
        (DigestWrong wrong, { Step: UpdateStep.Downloading } update) =>
            End(
                state, update, JobResult.Failed,
                $"the digest is {wrong.Actual} after {DigestAttempts} downloads, the manifest says {update.Job.Sha256}"),
        (FileSignatureWrong, { Step: UpdateStep.Downloading } update) =>
            End(state, update, JobResult.Rejected, "the image is not signed by the firmware signer"),
        // start-next brings the document again, with a fresh URL in it.
        (LinkRefused, { Step: UpdateStep.Downloading } update) when update.RefusedLinks + 1 < LinkAttempts =>
            Do(state with { Update = update with { RefusedLinks = update.RefusedLinks + 1 } }, new StartNext()),
        (LinkRefused refused, { Step: UpdateStep.Downloading } update) => End(state, update, JobResult.Failed, refused.Reason),
        (FetchFailed failed, { Step: UpdateStep.Downloading } update) => End(state, update, JobResult.Failed, failed.Reason),

        (StepAccepted { Step: UpdateStep.Installing }, { Step: UpdateStep.Installing } update) => Do(state, new Install(update.Job)),
        (SlotWritten, { Step: UpdateStep.Installing } update) => Advance(Written(state, update.Job), update, UpdateStep.Confirming),
        (SlotWriteFailed failed, { Step: UpdateStep.Installing } update) => End(state, update, JobResult.Failed, failed.Reason),
        (ImageLost, { Step: UpdateStep.Installing } update) =>
            Do(state with { Update = update with { Step = UpdateStep.Downloading } }, new Discard(), new Download(update.Job)),
        (StepAccepted { Step: UpdateStep.Confirming }, { Step: UpdateStep.Confirming } update) =>
            Do(state with { Update = update with { Announced = true } }, new Restart()),

        (OutcomeAccepted or ExecutionGone, { Step: UpdateStep.Decided } update) => Close(state, running, update),
        (ExecutionGone, { } update) => Abandon(state, running, update, askAgain: true),

        _ => Nothing(state),    // a report about a step that this update has left behind
    };

    private static UpdateDecision NothingPending(DeviceState state, RunningImage running, UpdateRecord? update) => update?.Step switch
    {
        null => Nothing(state),
        UpdateStep.Decided => Close(state, running, update),
        _ => Abandon(state, running, update, askAgain: false),
    };

    private static UpdateDecision Head(
        DeviceState state, RunningImage running, bool fetching, JobExecutionMessage execution, Admission? admission, UpdateRecord? update)
    {
        if (update is not null && update.Job.Key == execution.Key) return Resume(state, running, update, execution, fetching, admission);
        if (state.Last is { } last && last.Key == execution.Key) return Do(state, new ReportOutcome(last.Key, last.Outcome));
        return update?.Step switch
        {
            null => Begin(state, running, execution, admission),
            UpdateStep.Downloading => Abandon(state, running, update, askAgain: true),
            UpdateStep.Decided => Nothing(state),    // closing it asks for the next one
            // Past the point of return: the answer to this report says whether the service still wants the old one.
            var step => Do(state, new ReportStep(update.Job.Key, step.Value)),
        };
    }

    private static UpdateDecision Begin(
        DeviceState state, RunningImage running, JobExecutionMessage execution, Admission? admission) => admission switch
    {
        _ when !execution.IsStarted => Do(state, new StartNext()),
        Admission.Refused refused => Refuse(state, execution.Key, refused.Reason),
        // An earlier attempt got there after all: nothing to write, but the service still wants its proof.
        Admission.Admitted { Job: var job } when running.Slot == state.Active && state.In(state.Active)?.Sha256 == job.Sha256 =>
            Advance(state, new UpdateRecord(job, UpdateStep.Downloading), UpdateStep.Confirming),
        Admission.Admitted { Job: var job } =>
            Do(state with { Update = new UpdateRecord(job, UpdateStep.Downloading) }, Starting(job, execution)),
        _ => throw new UnreachableException("a started execution comes with a judgement"),
    };

    private static UpdateEffect[] Starting(FirmwareJob job, JobExecutionMessage execution) =>
        SaysDownloading(execution) ? [new Download(job)] : [new ReportStep(job.Key, UpdateStep.Downloading), new Download(job)];

    private static bool SaysDownloading(JobExecutionMessage execution) =>
        execution.StatusDetails?.TryGetValue("step", out var step) == true && step == "downloading";

    /// <summary>The same execution again: after a reconnect or restart, go on; a mere repeat changes nothing.</summary>
    private static UpdateDecision Resume(
        DeviceState state, RunningImage running, UpdateRecord update, JobExecutionMessage execution, bool fetching,
        Admission? admission) => update.Step switch
    {
        UpdateStep.Decided => Do(state, Report(update)),
        UpdateStep.Downloading when fetching => Nothing(state),
        _ when !execution.IsStarted => Do(state, new StartNext()),
        // The document may name a fresh URL.
        UpdateStep.Downloading when admission is Admission.Admitted { Job: var job } =>
            Do(state with { Update = update with { Job = job } }, new Download(job)),
        UpdateStep.Downloading when admission is Admission.Refused refused => End(state, update, JobResult.Rejected, refused.Reason),
        UpdateStep.Downloading => throw new UnreachableException("a started execution comes with a judgement"),
        _ when update.Announced => Nothing(state),    // the restart is on its way
        var step => Do(state, new ReportStep(update.Job.Key, step)),
    };

    /// <summary>The device is back after an install that the service knows of. What runs, and how it feels, decides.</summary>
    private static UpdateDecision Prove(DeviceState state, RunningImage running, UpdateRecord update)
    {
        var job = update.Job;
        var place = $"{running.Version} from slot {running.Slot.Letter()}";
        if (state.In(running.Slot)?.Sha256 != job.Sha256)
            return End(BootCore.Revert(state), update, JobResult.Failed, $"rolled back: runs {place}");
        if (running.Version != job.Version)
            return End(BootCore.Revert(state), update, JobResult.Failed, $"the image runs as {place}, the manifest says {job.Version}");
        if (!running.IsHealthy)
            return End(BootCore.Revert(state), update, JobResult.Failed, $"health is {running.Health} on {place}");
        return End(BootCore.Confirm(state, job.Floor), update, JobResult.Succeeded, $"runs {place}");
    }

    private static DeviceState Written(DeviceState state, FirmwareJob job)
    {
        var slot = state.Active.Other();
        return state.With(slot, new SlotContent(job.Version, job.Sha256)) with
        {
            Trial = new BootTrial(slot, 0),
            Installs = state.Installs.SetItem(job.Version, state.Installs.GetValueOrDefault(job.Version) + 1),
        };
    }

    private static UpdateDecision Advance(DeviceState state, UpdateRecord update, UpdateStep step) =>
        Do(state with { Update = update with { Step = step } }, new ReportStep(update.Job.Key, step));

    private static UpdateDecision End(DeviceState state, UpdateRecord update, JobResult result, string reason)
    {
        var decided = update with { Step = UpdateStep.Decided, Outcome = new Outcome(result, reason) };
        var next = state with { Update = decided };
        return update.Step is UpdateStep.Downloading or UpdateStep.Installing
            ? Do(next, new Discard(), Report(decided)) : Do(next, Report(decided));
    }

    private static ReportOutcome Report(UpdateRecord decided) => new(decided.Job.Key, decided.Outcome!);

    private static UpdateDecision Refuse(DeviceState state, JobKey job, string reason)
    {
        var finished = new FinishedJob(job, new Outcome(JobResult.Rejected, reason));
        return Do(state with { Last = finished }, new ReportOutcome(finished.Key, finished.Outcome));
    }

    /// <summary>The service no longer waits for this update. What was not confirmed does not stay.</summary>
    private static UpdateDecision Abandon(DeviceState state, RunningImage running, UpdateRecord update, bool askAgain)
    {
        var next = BootCore.Revert(state) with { Update = null };
        UpdateEffect[] drop = update.Step is UpdateStep.Downloading or UpdateStep.Installing ? [new StopDownload(), new Discard()] : [];
        UpdateEffect[] then = running.Slot != next.Active ? [new Restart()] : askAgain ? [new StartNext()] : [];
        return Do(next, [.. drop, .. then]);
    }

    /// <summary>The story is told. A device that runs what it did not confirm goes back to the slot it trusts.</summary>
    private static UpdateDecision Close(DeviceState state, RunningImage running, UpdateRecord update)
    {
        var next = state with { Update = null, Last = new FinishedJob(update.Job.Key, update.Outcome!) };
        return Do(next, running.Slot != next.Active ? new Restart() : new StartNext());
    }

    private static UpdateDecision Do(DeviceState state, params UpdateEffect[] effects) => new(state, [.. effects]);

    private static UpdateDecision Nothing(DeviceState state) => new(state, []);
}
