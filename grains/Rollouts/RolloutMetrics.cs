using System.Diagnostics.Metrics;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;
using Fleet.Interfaces.Telemetry;

namespace Fleet.Grains.Rollouts;

/// <summary>What rollouts do, for dashboards and alerts. Made once for each process (or test), through its own meter factory.</summary>
public sealed class RolloutMetrics
{
    private static readonly KeyValuePair<string, object?>[] OutcomeTags = ClosedSeries.TagsOf<JobOutcome>("outcome");
    private static readonly KeyValuePair<string, object?>[] StopTags = ClosedSeries.TagsOf<StopReason>("reason");

    private readonly Counter<long> _admitted, _takenBack, _ended, _stopped;

    public RolloutMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("Fleet.Rollouts");
        _admitted = meter.CreateCounter<long>(
            "fleet.rollout.admissions", "{device}", "Devices that were admitted, repeats after a withdrawal counted.").StartedAtZero();
        _takenBack = meter.CreateCounter<long>(
            "fleet.rollout.withdrawals", "{device}", "Offers that a stop took back before the device started.").StartedAtZero();
        _ended = meter.CreateCounter<long>(
            "fleet.rollout.executions", "{execution}", "Executions that ended, by outcome.").StartedAtZero(OutcomeTags);
        _stopped = meter.CreateCounter<long>(
            "fleet.rollout.stops", "{rollout}", "Rollouts that were stopped, by reason.").StartedAtZero(StopTags);
    }

    internal void Count(ShardEvent e)
    {
        switch (e)
        {
            case DeviceAdmitted: _admitted.Add(1); break;
            case OfferTakenBack: _takenBack.Add(1); break;
            case ExecutionFinished f: _ended.Add(1, OutcomeTags[(int)f.Outcome]); break;
        }
    }

    internal void Stopped(StopReason reason) => _stopped.Add(1, StopTags[(int)reason]);
}
