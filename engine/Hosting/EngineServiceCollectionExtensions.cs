using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Engine;

/// <summary>Adds the embedded engine to a host.</summary>
public static class EngineServiceCollectionExtensions
{
    /// <summary>
    /// Adds <c>IGrainFactory</c> and a hosted service that checks the contracts, starts the reminders, and at the end deactivates all grains.
    /// Grains get their records from the <c>IGrainStorage</c> service (keyed by storage name, or unkeyed) and their reminders from
    /// <c>IReminderTable</c> (in memory if there is none); time is the <see cref="TimeProvider"/> service (the system's if there is none).
    /// </summary>
    public static IServiceCollection AddFleetEngine(this IServiceCollection services, Action<EngineOptions> configure)
    {
        services.Configure(configure);
        return services;
    }
}
