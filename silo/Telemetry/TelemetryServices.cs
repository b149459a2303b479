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

/// <summary>What of an instrument is shown, with what help, and in which buckets.</summary>
internal static class MetricViews
{
    /// <summary>Gauges whose names end as a histogram's count does, which promtool objects to; nobody acts on them.</summary>
    private static readonly string[] Unwanted = ["dotnet.assembly.count", "dotnet.process.cpu.count", "dotnet.timer.count"];

    /// <summary>From half a millisecond, a fast commit, to ten seconds, an answer nobody waits for.</summary>
    private static readonly double[] Seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>The same, for Orleans.</summary>
    private static readonly double[] Milliseconds = [.. Seconds.Select(s => s * 1_000)];

    /// <summary>From 256 bytes to 1 MiB.</summary>
    private static readonly double[] Bytes = [.. Enumerable.Range(4, 7).Select(power => Math.Pow(4, power))];

    /// <summary>
    /// Series of one of Orleans' instruments, whose tags are kinds of grains, of calls and silos. The SDK sets room aside for as many at
    /// once, 72 bytes each: for the 2,000 that it takes by itself, a quarter of an idle process.
    /// </summary>
    private const int OrleansSeries = 200;

    /// <param name="own">
    /// The SDK hears every meter of the process. Where several hosts live in one, as in tests, each shows the meters of its own factory and
    /// those that belong to none, the process' own.
    /// </param>
    /// <returns>Null: as the SDK has it.</returns>
    public static MetricStreamConfiguration? Of(Instrument instrument, IMeterFactory own)
    {
        if (instrument.Meter.Scope is IMeterFactory factory && factory != own) return MetricStreamConfiguration.Drop;
        if (Unwanted.Contains(instrument.Name)) return MetricStreamConfiguration.Drop;
        // Orleans describes none of its instruments; under this name its documentation does.
        string? help = string.IsNullOrEmpty(instrument.Description) ? $"The instrument {instrument.Name}." : null;
        int? series = instrument.Meter.Name == TelemetryServices.OrleansMeter ? OrleansSeries : null;
        if (BucketsOf(instrument) is { } buckets)
            return new ExplicitBucketHistogramConfiguration { Boundaries = buckets, Description = help, CardinalityLimit = series };
        return help is null && series is null ? null : new MetricStreamConfiguration { Description = help, CardinalityLimit = series };
    }

    private static double[]? BucketsOf(Instrument instrument)
    {
        bool isHistogram = instrument.GetType().GetGenericTypeDefinition() == typeof(Histogram<>);
        if (!isHistogram || HasAdvice(instrument)) return null;
        return instrument.Unit switch { "s" => Seconds, "ms" => Milliseconds, "bytes" => Bytes, _ => null };
    }

    private static bool HasAdvice(Instrument instrument) => instrument switch
    {
        Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        _ => false,
    };
}
