using System.Diagnostics;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>After anything that the device did: is an execution that waits for its proof proven, refuted, or nearer to it?</summary>
internal static class DeviceProofs
{
    /// <summary>
    /// How long a device whose connection broke before it could restart has for that: those that say confirming restart within seconds.
    /// </summary>
    private static readonly TimeSpan RestartWithin = TimeSpan.FromSeconds(60);

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
            // Nothing can be proven then: what it is now, it has still to say.
            if (CameBack(execution, state.Session)) events.Add(new DeviceCameBack(execution.JobId, execution.Number, state.Session!.Epoch));
            else if (Verdict(execution, state, now) is { } verdict) events.Add(verdict);
        }
        return events.ToImmutable();
    }

    private static bool CameBack(DeviceExecution execution, DeviceSession? session)
    {
        if (session is null || session.Epoch <= execution.ConfirmingEpoch) return false;
        return execution.BackEpoch is not { } back || (execution.RestartBy is not null && session.Epoch > back);
    }

    private static ExecutionEvent? Verdict(DeviceExecution execution, DeviceState state, DateTimeOffset now) =>
        BootProof.Of(execution, state.Reports, now) switch
        {
            ProofState.Proven => new ExecutionEnded(
                execution.JobId, execution.Number, JobExecutionStatus.Succeeded, JobOutcome.Succeeded, null, null, ByDevice: false, now),
            ProofState.CameBackWith back => WithOldVersion(execution, state, back.Version, now),
            ProofState.Open open when open.Due == execution.ReviewAt => null,
            ProofState.Open open => new ProofDue(execution.JobId, execution.Number, open.Due, now),
            _ => throw new UnreachableException(),
        };

    private static ExecutionEvent? WithOldVersion(DeviceExecution execution, DeviceState state, FirmwareVersion version, DateTimeOffset now)
    {
        bool mayRestart = !execution.Left && !(now >= execution.RestartBy);
        if (mayRestart && (execution.RestartBy is null || execution.ConfirmingEpoch != state.SessionEpoch))
            return new RestartStillDue(
                execution.JobId, execution.Number, state.SessionEpoch, execution.RestartBy ?? now + RestartWithin, now);
        // Away again: perhaps it restarts at this moment.
        if (mayRestart || state.Session is null) return null;
        return new ExecutionEnded(
            execution.JobId, execution.Number, JobExecutionStatus.Failed, JobOutcome.RolledBack, $"came back with {version}", null,
            ByDevice: false, now);
    }
}
