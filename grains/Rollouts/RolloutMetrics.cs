using System.Diagnostics.Metrics;
using System.Text.Json;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>What rollouts do, for dashboards and alerts. Made once for each process (or test), through its own meter factory.</summary>
public sealed class RolloutMetrics
{
    private readonly Counter<long> _admitted;
    private readonly Counter<long> _takenBack;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _stopped;

    public RolloutMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("Fleet.Rollouts");
        _admitted = meter.CreateCounter<long>("fleet.rollout.admissions", "{device}", "Devices that were admitted, repeats after a withdrawal counted.");
        _takenBack = meter.CreateCounter<long>("fleet.rollout.withdrawals", "{device}", "Offers that a stop took back before the device started.");
        _ended = meter.CreateCounter<long>("fleet.rollout.executions", "{execution}", "Executions that ended, by outcome.");
        _stopped = meter.CreateCounter<long>("fleet.rollout.stops", "{rollout}", "Rollouts that were stopped, by reason.");
    }

    internal void Count(ShardEvent e)
    {
        switch (e)
        {
            case DeviceAdmitted: _admitted.Add(1); break;
            case OfferTakenBack: _takenBack.Add(1); break;
            case ExecutionFinished f: _ended.Add(1, new KeyValuePair<string, object?>("outcome", Name(f.Outcome))); break;
        }
    }

    internal void Stopped(StopReason reason) => _stopped.Add(1, new KeyValuePair<string, object?>("reason", Name(reason)));

    private static string Name<T>(T value) where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
