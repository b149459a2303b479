using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Grains.Rollouts;

public static class RolloutServices
{
    /// <summary>What the rollout grains need besides the silo, <see cref="TimeProvider"/> and <see cref="Index.IFleetIndex"/>.</summary>
    public static IServiceCollection AddFleetRollouts(this IServiceCollection services) => services.AddSingleton<RolloutMetrics>();
}
