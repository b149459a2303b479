using Fleet.Testing.Host.Activations;
using Fleet.Testing.Host.Calls;
using Fleet.Testing.Host.Reminders;
using Fleet.Testing.Host.Turns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans;
using Orleans.Timers;

namespace Fleet.Testing.Host;

/// <summary>Adds the embedded engine to a host.</summary>
internal static class EngineServiceCollectionExtensions
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
        services.AddSingleton<GrainRuntime>();
        services.AddSingleton<IGrainRuntime>(provider => provider.GetRequiredService<GrainRuntime>());
        services.AddSingleton<ITimerRegistry>(provider => provider.GetRequiredService<GrainRuntime>());
        services.AddSingleton<GrainCatalog>();
        services.AddSingleton<IGrainFactory, GrainFactory>();
        services.AddSingleton<ReminderService>();
        services.AddSingleton<IReminderRegistry>(provider => provider.GetRequiredService<ReminderService>());
        services.AddSingleton<IdleCollector>();
        services.AddHostedService<EngineHost>();
        return services;
    }
}
