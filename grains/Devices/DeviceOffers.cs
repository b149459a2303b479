using System.Diagnostics;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>What a rollout's shard asks of a device. Each request may come twice, late, or after the one that takes it back.</summary>
internal static class DeviceOffers
{
    public static DeviceDecision<OfferResult> Offer(DeviceState state, JobOffer offer, DateTimeOffset now)
    {
        if (state.Find(offer.JobId, offer.ExecutionNumber) is { } known) return DeviceDecision.Of(AnswerOf(known));
        // Overtaken by a newer attempt: whoever made it has moved on.
        if (state.Latest(offer.JobId) is { } newer && newer.Number > offer.ExecutionNumber)
            return DeviceDecision.Of<OfferResult>(new OfferResult.Queued());
        if (!state.IsRegistered) return Answer(state, offer, OfferAnswer.Unfit, "The device is not registered.", now);
        if (state.Model != offer.Model)
            return Answer(state, offer, OfferAnswer.Unfit, $"The device is a '{state.Model}', the firmware is for '{offer.Model}'.", now);
        if (state.Firmware == offer.Version && state.Healthy is true && RunsWhatItReported(state))
            return Answer(state, offer, OfferAnswer.AlreadyInstalled, "already installed", now);
        return DeviceDecision.Of<OfferResult>(state, new OfferResult.Queued(), new ExecutionQueued(offer, now));
    }

    /// <summary>
    /// No attempt that is under way will change what it runs, and none that has ended since the report may have: an attempt whose proof was
    /// its return is known by that, any other only by what the device says after it.
    /// </summary>
    private static bool RunsWhatItReported(DeviceState state) => !JobQueue.AnyUnderWay(state.Open) && state.Ended.All(e =>
        e.StartedAt is null || e is { BootProof: true, Outcome: JobOutcome.Succeeded } || state.FirmwareReportedAt >= e.LastUpdatedAt);

    public static DeviceDecision<WithdrawResult> Withdraw(
        DeviceState state, JobId job, int number, DateTimeOffset now) => state.Find(job, number) switch
    {
        // The withdrawal overtook the offer, or the offer was lost: a trace is left, so that the offer finds it was taken back.
        null => DeviceDecision.Of(state, WithdrawResult.Withdrawn, new OfferWithdrawn(job, number, now)),
        { Status: JobExecutionStatus.Queued } => DeviceDecision.Of(state, WithdrawResult.Withdrawn, new OfferWithdrawn(job, number, now)),
        { ReportTo: null } => DeviceDecision.Of(WithdrawResult.Withdrawn),
        { Outcome: not null } => DeviceDecision.Of(state, WithdrawResult.Started, new ReportRenewed(job, number, now)),
        _ => DeviceDecision.Of(WithdrawResult.Started),
    };

    public static DeviceDecision<ExecutionReport?> Cancel(DeviceState state, ThingName thing, JobId job, int number, DateTimeOffset now) =>
        state.Find(job, number) switch
        {
            null => DeviceDecision.Of<ExecutionReport?>(state, (ExecutionReport?)null, new OfferWithdrawn(job, number, now)),
            { Outcome: not null } ended => DeviceDecision.Of(ReportOf(ended, thing)),
            _ => DeviceDecision.Of(state, after => ReportOf(after.Find(job, number), thing), new ExecutionEnded(
                job, number, JobExecutionStatus.Canceled, JobOutcome.Cancelled, "the rollout was cancelled", null, ByDevice: false, now)),
        };

    public static DeviceDecision<ExecutionReport?> Review(
        DeviceState state, ThingName thing, JobId job, int number, JobStage stage, bool expired, DateTimeOffset now)
    {
        if (state.Find(job, number) is not { Outcome: null } execution) return DeviceDecision.Of(ReportOf(state.Find(job, number), thing));
        var events = DeviceProofs.Consequences(state, now);
        bool decided = events.Any(e => e is ExecutionEnded ended && ended.JobId == job && ended.Number == number);
        if (expired && !decided && execution.Stage == stage) events = [.. events, Expire(execution, now)];
        return DeviceDecision.Of(state, after => ReportOf(after.Find(job, number), thing), events.AsSpan());
    }

    private static ExecutionEnded Expire(DeviceExecution execution, DateTimeOffset now)
    {
        var outcome = execution.Stage switch
        {
            JobStage.Queued => JobOutcome.TimedOutQueued,
            JobStage.Downloading => JobOutcome.TimedOutDownloading,
            JobStage.Installing => JobOutcome.TimedOutInstalling,
            JobStage.Confirming => JobOutcome.TimedOutConfirming,
            _ => throw new UnreachableException(),
        };
        return new(execution.JobId, execution.Number, JobExecutionStatus.TimedOut, outcome, null, null, ByDevice: false, now);
    }

    private static DeviceDecision<OfferResult> Answer(
        DeviceState state, JobOffer offer, OfferAnswer answer, string detail, DateTimeOffset now) =>
        DeviceDecision.Of(
            state, after => AnswerOf(after.Find(offer.JobId, offer.ExecutionNumber)!), new OfferAnswered(offer, answer, detail, now));

    private static OfferResult AnswerOf(DeviceExecution execution) => execution.Answer switch
    {
        OfferAnswer.Queued => new OfferResult.Queued(),
        OfferAnswer.AlreadyInstalled => new OfferResult.AlreadyInstalled(),
        OfferAnswer.Unfit => new OfferResult.Unfit(execution.Detail!),
        _ => throw new UnreachableException(),
    };

    /// <summary>Null for one that never came here, or was taken back.</summary>
    private static ExecutionReport? ReportOf(DeviceExecution? execution, ThingName thing) =>
        execution is { ReportTo: not null } known ? known.ToReport(thing) : null;
}
