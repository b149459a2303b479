using Orleans;

namespace Fleet.Testing.Host.Activations;

/// <summary>Ends activations that have been idle for the collection age.</summary>
internal sealed class IdleCollector : IDisposable
{
    private readonly GrainCatalog _catalog;
    private readonly GrainRuntime _runtime;
    private readonly ITimer _timer;
    private readonly int _sweepsToAge;

    public IdleCollector(GrainCatalog catalog, GrainRuntime runtime)
    {
        _catalog = catalog;
        _runtime = runtime;
        _sweepsToAge = (int)Math.Ceiling(runtime.Options.CollectionAge / runtime.Options.CollectionQuantum);
        _timer = runtime.CreateTimer(static self => ((IdleCollector)self!).Sweep(), this);
    }

    public void Start() => _timer.Change(_runtime.Options.CollectionQuantum, _runtime.Options.CollectionQuantum);

    public void Dispose() => _timer.Dispose();

    private void Sweep()
    {
        // An activation that was used since the sweep before last is younger than one quantum: only whole ones count.
        int oldest = ++_runtime.IdleSweep - 1 - _sweepsToAge;
        if (oldest < 0) return;
        var now = _runtime.Time.GetUtcNow();
        foreach (var activation in _catalog.Classes.SelectMany(grainClass => grainClass.Activations)) activation.EndIfIdleSince(oldest, now);
    }
}
