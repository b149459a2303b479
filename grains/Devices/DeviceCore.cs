using System.Diagnostics;
using Fleet.Grains.Jobs;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;

namespace Fleet.Grains.Devices;

/// <summary>
/// What each event makes of a device. The decisions stand beside it, by subject: <see cref="DeviceRegistry"/>,
/// <see cref="DevicePresence"/>, <see cref="DeviceOffers"/> (what rollouts ask) and <see cref="DeviceJobs"/> (what the device asks).
/// </summary>
internal static class DeviceCore
{
    /// <summary>How many executions with an outcome are kept: the last few months of a device that is updated weekly.</summary>
    public const int EndedKept = 20;

    public static DeviceState Apply(DeviceState state, DeviceEvent e) => e switch
    {
        DeviceRegistered r => state with
        {
            Thing = r.Thing,
            Model = r.Model,
            Attributes = r.Attributes,
            RegisteredBy = r.RegisteredBy,
            RegisteredAt = state.IsRegistered ? state.RegisteredAt : r.At,
        },
        SessionOpened o => state with
        {
            Session = o.Session,
            SessionEpoch = o.Session.Epoch,
            Connectivity = Connectivity.Connected,
            ConnectivityChangedAt = o.Session.ConnectedAt,
            DisconnectReason = null,
            LastSeenAt = o.Session.ConnectedAt,
        },
        SessionClosed c => state with
        {
            Session = null,
            Connectivity = Connectivity.Disconnected,
            ConnectivityChangedAt = c.At,
            DisconnectReason = c.Reason,
            Open = c.Reason is DisconnectReason.ClientInitiatedDisconnect
                ? [.. state.Open.Select(x => x.ConfirmingEpoch == state.Session?.Epoch ? x with { Left = true } : x)]
                : state.Open,
        },
        SessionWentStale s => state with { Connectivity = Connectivity.Stale, ConnectivityChangedAt = s.At, LastSeenAt = s.LastSeenAt },
        SessionRecovered r => state with { Connectivity = Connectivity.Connected, ConnectivityChangedAt = r.At, LastSeenAt = r.At },
        DeviceHeard h => state with { LastSeenAt = h.At },
        FirmwareReported f => Report(state, f),
        ExecutionEvent x => Apply(state, x),
        _ => throw new UnreachableException($"{e.GetType().Name} has no transition"),
    };

    private static DeviceState Report(DeviceState state, FirmwareReported e)
    {
        var report = e.Report;
        DateTimeOffset? saidAt = e.Proves ? e.At : null;
        var firmware = report.Version ?? state.Firmware;
        var healthy = report.Healthy ?? state.Healthy;
        var stillHealthy = state.Healthy is true && firmware == state.Firmware;
        return state with
        {
            Firmware = firmware,
            FirmwareReportedAt = report.Version is null ? state.FirmwareReportedAt : saidAt,
            Healthy = healthy,
            HealthReportedAt = report.Healthy is null ? state.HealthReportedAt : saidAt,
            HealthySince = healthy is not true ? null : stillHealthy ? state.HealthySince : e.At,
            ShadowVersion = report.ShadowVersion,
            ReportedAt = report.At,
        };
    }

    private static DeviceState Apply(DeviceState state, ExecutionEvent e) => e switch
    {
        ExecutionQueued q => state with { Open = state.Open.Add(DeviceExecution.Offered(q.Offer, q.At)) },
        OfferAnswered a => Keep(state, DeviceExecution.Offered(a.Offer, a.At) with
        {
            Answer = a.Answer,
            Detail = a.Detail,
            Stage = JobStage.Ended,
            Status = a.Answer is OfferAnswer.AlreadyInstalled ? JobExecutionStatus.Succeeded : JobExecutionStatus.Removed,
            Outcome = a.Answer is OfferAnswer.AlreadyInstalled ? JobOutcome.Succeeded : JobOutcome.Removed,
        }),
        OfferWithdrawn w =>
            Keep(state, (state.Find(w.JobId, w.Number) ?? new() { JobId = w.JobId, Number = w.Number, QueuedAt = w.At }) with
            {
                // Nobody is told: whoever took it back has the answer.
                ReportTo = null,
                Status = JobExecutionStatus.Canceled,
                Stage = JobStage.Ended,
                Outcome = JobOutcome.Cancelled,
                Detail = "taken back before the device started it",
                LastUpdatedAt = w.At,
            }),
        ExecutionEnded d => Keep(state, End(state.Find(d.JobId, d.Number)!, d)),
        ExecutionProgressed p => Change(state, p, x => Progress(x, p, state.SessionEpoch)),
        // What it reported before it came back proves nothing; a gateway announces a session before the device can speak in it.
        DeviceCameBack b =>
            Change(state with { FirmwareReportedAt = null, HealthReportedAt = null }, b, x => x with { BackEpoch = b.SessionEpoch }),
        RestartStillDue r => Change(state, r, x => x with
        {
            ConfirmingEpoch = r.SessionEpoch,
            RestartBy = r.Until,
            ReviewAt = r.Until,
            Revision = x.Revision + 1,
            ReportedAt = r.At,
        }),
        ProofDue p => Change(state, p, x => x with { ReviewAt = p.DueAt, Revision = x.Revision + 1, ReportedAt = p.At }),
        ReportRenewed r => Change(state, r, x => x with { Revision = x.Revision + 1, ReportedAt = r.At }),
        LastWordSaid l => Change(state, l, x => x with
        {
            AwaitsLastWord = false,
            VersionNumber = x.VersionNumber + 1,
            StatusDetails = l.Details ?? x.StatusDetails,
            LastUpdatedAt = l.At,
        }),
        _ => throw new UnreachableException($"{e.GetType().Name} has no transition"),
    };

    private static DeviceExecution Progress(DeviceExecution execution, ExecutionProgressed p, SessionEpoch? sessionEpoch)
    {
        var next = execution with
        {
            Status = p.Status,
            StatusDetails = p.Details ?? execution.StatusDetails,
            VersionNumber = execution.VersionNumber + 1,
            StartedAt = execution.StartedAt ?? p.At,
            LastUpdatedAt = p.At,
        };
        if (p.Stage == execution.Stage) return next;
        return next with
        {
            Stage = p.Stage,
            StageEnteredAt = p.At,
            Revision = execution.Revision + 1,
            ReportedAt = p.At,
            ConfirmingEpoch = p.Stage is JobStage.Confirming ? sessionEpoch : null,
        };
    }

    private static DeviceExecution End(DeviceExecution execution, ExecutionEnded e)
    {
        var byReport = !e.ByDevice && e.Outcome is JobOutcome.Succeeded or JobOutcome.RolledBack;
        var awaitsLastWord = byReport && execution.IsPending;
        return execution with
        {
            // What the device said last is final on the wire, whatever comes of it.
            Status = execution.IsPending ? e.Status : execution.Status,
            Stage = JobStage.Ended,
            Outcome = e.Outcome,
            Detail = e.Detail,
            StatusDetails = e.Details ?? execution.StatusDetails,
            // The device does not know yet: its last word may still name the version it knows.
            VersionNumber = execution.IsPending && !awaitsLastWord ? execution.VersionNumber + 1 : execution.VersionNumber,
            Revision = execution.Revision + 1,
            LastUpdatedAt = e.At,
            StageEnteredAt = e.At,
            ReportedAt = e.At,
            ReviewAt = null,
            AwaitsLastWord = awaitsLastWord,
        };
    }

    private static DeviceState Change(DeviceState state, ExecutionEvent e, Func<DeviceExecution, DeviceExecution> change) => state with
    {
        Open = [.. state.Open.Select(x => x.Is(e.JobId, e.Number) ? change(x) : x)],
        Ended = [.. state.Ended.Select(x => x.Is(e.JobId, e.Number) ? change(x) : x)],
    };

    private static DeviceState Keep(DeviceState state, DeviceExecution ended)
    {
        // What was taken back is remembered for as long as a late offer of it could start something: until the job's next attempt. A device
        // that a rollout offers to and takes back from again and again would forget the jobs it did.
        var kept = state.Ended.RemoveAll(x => x.JobId == ended.JobId && x.Number < ended.Number && x.ReportTo is null)
            .Add(ended with { Document = null });
        int tooMany = kept.Length - EndedKept;
        return state with
        {
            Open = state.Open.RemoveAll(x => x.Is(ended.JobId, ended.Number)),
            // One that the shard has not heard of stays until it has.
            Ended = tooMany <= 0 ? kept : [.. kept.Where(x => tooMany-- <= 0 || state.Outbox.Reports.Any(o => o.Is(x.JobId, x.Number)))],
        };
    }
}
