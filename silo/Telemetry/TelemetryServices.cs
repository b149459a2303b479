namespace Fleet.Silo.Telemetry;

internal static class TelemetryServices
{
    /// <summary>Before the services that measure: what happens before the SDK listens is not counted.</summary>
    public static IServiceCollection AddFleetTelemetry(this IServiceCollection services)
    {
        services.AddSingleton<PrometheusExporter>();
        services.AddHostedService<FleetTelemetry>();
        return services;
    }

    /// <summary>What only a process with grains can count.</summary>
    public static IServiceCollection AddFleetCensus(this IServiceCollection services) => services.AddHostedService<FleetMetrics>();
}
