using System.Diagnostics.Metrics;
using Fleet.Engine.Activations;
using Fleet.Engine.Calls;

namespace Fleet.Engine;

/// <summary>What the engine counts. Observed rather than pushed: a call costs one increment, whoever listens.</summary>
internal sealed class EngineMetrics
{
    private readonly GrainCatalog _catalog;

    public EngineMetrics(IMeterFactory meters, GrainCatalog catalog)
    {
        _catalog = catalog;
        var meter = meters.Create("Fleet.Engine");
        meter.CreateObservableCounter("fleet.grain.calls", ObserveCalls, "{call}", "Grain calls that have ended, by grain type and outcome");
        meter.CreateObservableUpDownCounter("fleet.grain.activations", ObserveActivations, "{activation}", "Grains in memory, by grain type");
    }

    private IEnumerable<Measurement<long>> ObserveCalls() =>
        from grainClass in _catalog.Classes
        from outcome in Enum.GetValues<CallOutcome>()
        let count = grainClass.CallsThat(outcome)
        where count > 0
        select new Measurement<long>(count, new("fleet.grain.type", grainClass.Type.ToString()), new("fleet.grain.outcome", NameOf(outcome)));

    private IEnumerable<Measurement<int>> ObserveActivations() =>
        from grainClass in _catalog.Classes
        select new Measurement<int>(grainClass.ActivationCount, new KeyValuePair<string, object?>("fleet.grain.type", grainClass.Type.ToString()));

    private static string NameOf(CallOutcome outcome) => outcome switch
    {
        CallOutcome.Succeeded => "succeeded",
        CallOutcome.Failed => "failed",
        CallOutcome.TimedOut => "timed_out",
        CallOutcome.Canceled => "canceled",
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
