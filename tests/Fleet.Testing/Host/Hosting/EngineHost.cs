using Fleet.Testing.Host.Activations;
using Fleet.Testing.Host.Reminders;
using Microsoft.Extensions.Hosting;
using Orleans;

namespace Fleet.Testing.Host;

/// <summary>
/// Starts and stops the engine with its host. At the end grains are deactivated while calls among them still work; only when none is left
/// are calls refused.
/// </summary>
internal sealed class EngineHost(GrainCatalog catalog, GrainRuntime runtime, ReminderService reminders, IdleCollector collector)
    : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await reminders.Start(cancellationToken);
        collector.Start();
        runtime.Logger.Started(catalog.Classes.Count, reminders.Count);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await reminders.Stop(cancellationToken);
        collector.Dispose();
        try
        {
            while (Activations() is { Length: > 0 } activations) await End(activations).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            runtime.Logger.StoppedEarly(Activations().Length);
        }
        runtime.IsStopped = true;
    }

    private static Task End(Activation[] activations)
    {
        foreach (var activation in activations)
            activation.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The engine is stopping."));
        return Task.WhenAll(activations.Select(activation => activation.Deactivated));
    }

    private Activation[] Activations() => [.. catalog.Classes.SelectMany(grainClass => grainClass.Activations)];
}
