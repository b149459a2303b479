using System.Diagnostics;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;

namespace Fleet.Grains.Devices;

/// <summary>After anything that the device did: is an execution that waits for its proof proven, refuted, or nearer to it?</summary>
internal static class DeviceProofs
{
    public static bool AnyWaits(DeviceState state) => state.Open.Any(e => e is { BootProof: true, Stage: JobStage.Confirming });

    public static DeviceDecision<bool> Follow(DeviceState state, DateTimeOffset now, DeviceEvent e)
    {
        ReadOnlySpan<DeviceEvent> events = [e, .. Consequences(DeviceCore.Apply(state, e), now)];
        return DeviceDecision.Of(state, true, events);
    }

    /// <summary>What follows from the state as it is.</summary>
    public static ImmutableArray<DeviceEvent> Consequences(DeviceState state, DateTimeOffset now)
    {
        var events = ImmutableArray.CreateBuilder<DeviceEvent>();
        foreach (var execution in state.Open)
        {
            if (execution is not { BootProof: true, Stage: JobStage.Confirming }) continue;
            if (execution.BackAt is null && state.Session is { } session && session.SessionId != execution.ConfirmingSession &&
                session.ConnectedAt >= execution.StageEnteredAt)
            {
                // Nothing can be proven yet: what it is now, it has still to say.
                events.Add(new DeviceCameBack(execution.JobId, execution.Number, session.ConnectedAt));
                continue;
            }
            if (Verdict(execution, state, now) is { } verdict) events.Add(verdict);
        }
        return events.ToImmutable();
    }

    private static ExecutionEvent? Verdict(DeviceExecution execution, DeviceState state, DateTimeOffset now) =>
        BootProof.Of(execution, state.Reports, now) switch
        {
            ProofState.Proven => new ExecutionEnded(
                execution.JobId, execution.Number, JobExecutionStatus.Succeeded, JobOutcome.Succeeded, null, null, ByDevice: false, now),
            ProofState.CameBackWith when execution.CutOff => new RestartStillDue(execution.JobId, execution.Number, state.Session?.SessionId),
            ProofState.CameBackWith back => new ExecutionEnded(
                execution.JobId, execution.Number, JobExecutionStatus.Failed, JobOutcome.RolledBack,
                $"came back with {back.Version}", null, ByDevice: false, now),
            ProofState.Open open when open.Due == execution.ReviewAt => null,
            ProofState.Open open => new ProofDue(execution.JobId, execution.Number, open.Due, now),
            _ => throw new UnreachableException(),
        };
}
