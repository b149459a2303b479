using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Jobs;

/// <summary>The order of a device's jobs, one at a time, and when a change of it is told (spec/aws-iot-topics.md, 2.3 and 2.6).</summary>
internal static class JobQueue
{
    /// <summary>
    /// What $next means: the oldest in progress, otherwise the oldest queued. While the outcome of one is still to be proven the next one
    /// waits, because two updates at once prove nothing.
    /// </summary>
    public static DeviceExecution? Head(ImmutableArray<DeviceExecution> open) =>
        Oldest(open, JobExecutionStatus.InProgress)
        ?? (open.Any(e => e.AwaitsProof) ? null : Oldest(open, JobExecutionStatus.Queued));

    public static PendingJobs Pending(ImmutableArray<DeviceExecution> open, ThingName thing) =>
        new(List(open, thing, JobExecutionStatus.InProgress), List(open, thing, JobExecutionStatus.Queued));

    /// <summary>What jobs/notify carries: at most ten entries, those in progress first (spec 2.6).</summary>
    public static PendingJobs PendingForNotify(ImmutableArray<DeviceExecution> open, ThingName thing)
    {
        const int most = 10;
        var (inProgress, queued) = Pending(open, thing);
        inProgress = [.. inProgress.Take(most)];
        return new(inProgress, [.. queued.Take(most - inProgress.Length)]);
    }

    /// <summary>True while another execution than this one is under way, so that this one may not start.</summary>
    public static bool AnotherUnderWay(ImmutableArray<DeviceExecution> open, DeviceExecution execution) =>
        open.Any(e => IsUnderWay(e) && !e.Is(execution.JobId, execution.Number));

    public static bool AnyUnderWay(ImmutableArray<DeviceExecution> open) => open.Any(IsUnderWay);

    /// <summary>
    /// The table of spec 2.6 in two sentences: notify goes out when the set of pending executions changed, notify-next when another one (or
    /// none) is at the head.
    /// </summary>
    public static (bool Notify, bool NotifyNext) Changes(ImmutableArray<DeviceExecution> before, ImmutableArray<DeviceExecution> after) =>
        (!Identities(before).SetEquals(Identities(after)), Identity(Head(before)) != Identity(Head(after)));

    private static bool IsUnderWay(DeviceExecution execution) => execution.Status is JobExecutionStatus.InProgress || execution.AwaitsProof;

    private static HashSet<(JobId, int)> Identities(ImmutableArray<DeviceExecution> open) =>
        [.. open.Where(e => e.IsPending).Select(e => (e.JobId, e.Number))];

    private static (JobId, int)? Identity(DeviceExecution? execution) => execution is { } e ? (e.JobId, e.Number) : null;

    private static DeviceExecution? Oldest(ImmutableArray<DeviceExecution> open, JobExecutionStatus status) =>
        open.Where(e => e.Status == status).MinBy(e => (e.QueuedAt, e.JobId.Value));

    private static ImmutableArray<JobExecution> List(ImmutableArray<DeviceExecution> open, ThingName thing, JobExecutionStatus status) =>
        [.. open.Where(e => e.Status == status).OrderBy(e => (e.QueuedAt, e.JobId.Value)).Select(e => e.ToWire(thing))];
}
