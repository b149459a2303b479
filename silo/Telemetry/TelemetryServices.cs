using System.Diagnostics.Metrics;
using System.Reflection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Fleet.Silo.Telemetry;

internal static class TelemetryServices
{
    public const string OrleansMeter = "Microsoft.Orleans";

    private static readonly string[] Meters =
        ["Fleet.*", OrleansMeter, "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];

    private static readonly string[] Sources =
        ["Fleet.*", "Microsoft.Orleans.Runtime", "Microsoft.Orleans.Application", "Microsoft.AspNetCore"];

    /// <summary>
    /// The OpenTelemetry SDK: metrics for <c>/metrics</c>, and metrics and traces over OTLP when an endpoint is configured. It counts
    /// nothing before the <see cref="MeterProvider"/> is made.
    /// </summary>
    public static IServiceCollection AddFleetTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(Describe)
            .WithMetrics(metrics => metrics.AddMeter(Meters).AddPrometheusExporter(Expose));
        services.ConfigureOpenTelemetryMeterProvider((host, metrics) =>
        {
            var own = host.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => MetricViews.Of(instrument, own));
        });
        if (!OtlpExport.IsWanted(configuration)) return services;
        telemetry.WithMetrics(metrics => metrics.AddOtlpExporter()).WithTracing(traces => traces.AddSource(Sources).AddOtlpExporter());
        return services;
    }

    /// <summary>What only a process with grains can count.</summary>
    public static IServiceCollection AddFleetCensus(this IServiceCollection services) => services.AddHostedService<FleetMetrics>();

    private static void Describe(ResourceBuilder resource)
    {
        var version = typeof(TelemetryServices).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>();
        resource.AddService("fleet", serviceVersion: version?.InformationalVersion);
    }

    private static void Expose(PrometheusAspNetCoreOptions page)
    {
        // Labels are those of the instruments: a metric's name says where it comes from.
        page.ScopeInfoEnabled = false;
        // A page kept from one scraper would be the past under the next one's time stamp, and a new one costs a millisecond of processor
        // time. Scrapers that come at once share one collection all the same.
        page.ScrapeResponseCacheDurationMilliseconds = 0;
    }
}

/// <summary>Whether metrics and traces leave by OTLP: they do if somebody said where to, with OpenTelemetry's own settings.</summary>
internal static class OtlpExport
{
    private static readonly string[] Endpoints =
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    public static bool IsWanted(IConfiguration configuration) => Endpoints.Any(setting => !string.IsNullOrEmpty(configuration[setting]));
}
