using Fleet.Engine.Activations;
using Fleet.Engine.Calls;
using Fleet.Engine.Reminders;
using Fleet.Engine.Turns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans;
using Orleans.Timers;

namespace Fleet.Engine;

/// <summary>Adds the embedded engine to a host.</summary>
public static class EngineServiceCollectionExtensions
{
    /// <summary>
    /// Adds <c>IGrainFactory</c> and a hosted service that checks the contracts, starts the reminders, and at the end deactivates all grains.
    /// Grains get their records from the <c>IGrainStorage</c> service (keyed by storage name, or unkeyed) and their reminders from
    /// <c>IReminderTable</c> (in memory if there is none); time is the <see cref="TimeProvider"/> service (the system's if there is none).
    /// Grains live longer than any scope: scoped services cannot be injected into them.
    /// </summary>
    public static IServiceCollection AddFleetEngine(this IServiceCollection services, Action<EngineOptions> configure)
    {
        services.AddLogging();
        services.AddMetrics();
        services.AddOptions<EngineOptions>().Configure(configure).ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ITurnExecutor, ThreadPoolExecutor>();
        services.TryAddSingleton<IReminderTable, InMemoryReminderTable>();
        services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<EngineOptions>, EngineOptionsCheck>();
        services.AddSingleton<GrainRuntime>();
        services.AddSingleton<GrainCatalog>();
        services.AddSingleton<IGrainFactory, GrainFactory>();
        services.AddSingleton<ReminderService>();
        services.AddSingleton<IReminderRegistry>(provider => provider.GetRequiredService<ReminderService>());
        services.AddSingleton<IdleCollector>();
        services.AddSingleton<EngineMetrics>();
        services.AddHostedService<EngineHost>();
        return services;
    }
}
