using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Grains.Certificates;

public static class ClaimServices
{
    /// <summary>What the claim grains need besides the silo, <see cref="TimeProvider"/> and <see cref="ICertificateSigner"/>.</summary>
    public static IServiceCollection AddFleetClaims(this IServiceCollection services)
    {
        services.AddOptions<ClaimOptions>().BindConfiguration(ClaimOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        return services.AddSingleton<ClaimMetrics>();
    }
}
