using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Jobs;

namespace Fleet.DeviceSim.Agent.Updates;

/// <summary>What the update is told.</summary>
/// <param name="About">
/// The execution it concerns; what is about another than the one under way came late and is ignored. Null: no one in particular.
/// </param>
internal abstract record UpdateInput(JobKey? About)
{
    /// <summary>The service's answer to start-next, or a notify-next.</summary>
    /// <param name="Execution">Null: nothing is pending.</param>
    /// <param name="Admission">The device's judgement of its document; null if the execution has not been started yet.</param>
    internal sealed record HeadIs(JobExecutionMessage? Execution, Admission? Admission) : UpdateInput((JobKey?)null);

    /// <summary>After a connect: version and health are in the shadow.</summary>
    internal sealed record Proved() : UpdateInput((JobKey?)null);

    /// <summary>The service took the report of this step.</summary>
    internal sealed record StepAccepted(JobKey Job, UpdateStep Step) : UpdateInput(Job);

    /// <summary>The service took the outcome.</summary>
    internal sealed record OutcomeAccepted(JobKey Job) : UpdateInput(Job);

    /// <summary>The service no longer wants to hear of this execution: cancelled, timed out, or ended already.</summary>
    internal sealed record ExecutionGone(JobKey Job) : UpdateInput(Job);

    /// <summary>The download is over, for better or worse.</summary>
    internal abstract record FetchEnded(JobKey Job) : UpdateInput(Job);

    /// <summary>The image is there, its digest and its signature are right.</summary>
    internal sealed record Fetched(JobKey Job) : FetchEnded(Job);
    internal sealed record DigestWrong(JobKey Job, string Actual) : FetchEnded(Job);
    internal sealed record FileSignatureWrong(JobKey Job) : FetchEnded(Job);

    /// <summary>The URL is not honoured (any more).</summary>
    internal sealed record LinkRefused(JobKey Job, string Reason) : FetchEnded(Job);
    internal sealed record FetchFailed(JobKey Job, string Reason) : FetchEnded(Job);

    /// <summary>The inactive slot holds the verified image.</summary>
    internal sealed record SlotWritten(JobKey Job) : UpdateInput(Job);
    internal sealed record SlotWriteFailed(JobKey Job, string Reason) : UpdateInput(Job);

    /// <summary>The fetched image is not there any more, or is damaged: it must be fetched again.</summary>
    internal sealed record ImageLost(JobKey Job) : UpdateInput(Job);
}

/// <summary>
/// What the update asks of the device. Whatever a broken connection keeps from being done is asked for again after the next connect.
/// </summary>
internal abstract record UpdateEffect
{
    private UpdateEffect() { }

    /// <summary>Start the next pending execution, saying that this device is downloading.</summary>
    internal sealed record StartNext : UpdateEffect;

    internal sealed record ReportStep(JobKey Job, UpdateStep Step) : UpdateEffect;
    internal sealed record ReportOutcome(JobKey Job, Outcome Outcome) : UpdateEffect;

    /// <summary>Fetch (what is missing of) the image into the inactive slot and verify it.</summary>
    internal sealed record Download(FirmwareJob Job) : UpdateEffect;
    internal sealed record StopDownload : UpdateEffect;

    /// <summary>Drop what was fetched.</summary>
    internal sealed record Discard : UpdateEffect;

    internal sealed record Install(FirmwareJob Job) : UpdateEffect;
    internal sealed record Restart : UpdateEffect;
}

/// <param name="State">To be saved before the effects are performed.</param>
internal sealed record UpdateDecision(DeviceState State, ImmutableArray<UpdateEffect> Effects);
