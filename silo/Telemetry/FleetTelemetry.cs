using System.Diagnostics.Metrics;
using System.Reflection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Fleet.Silo.Telemetry;

/// <summary>The OpenTelemetry SDK of one host: metrics for <c>/metrics</c>, and metrics and traces over OTLP when an endpoint is configured.</summary>
internal sealed class FleetTelemetry : IHostedService, IDisposable
{
    private const string Own = "Fleet.";

    private static readonly string[] Meters = [$"{Own}*", "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];
    private static readonly string[] Sources = [$"{Own}*", "Microsoft.AspNetCore"];

    /// <summary>Gauges of the runtime whose names end as a histogram's count does, which promtool objects to; nobody acts on them.</summary>
    private static readonly string[] Unwanted = ["dotnet.assembly.count", "dotnet.process.cpu.count", "dotnet.timer.count"];

    /// <summary>From half a millisecond, a fast commit, to ten seconds, an answer nobody waits for.</summary>
    private static readonly double[] SecondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly MeterProvider _metrics;
    private readonly TracerProvider? _traces;

    public FleetTelemetry(PrometheusExporter exporter, IMeterFactory meters, IConfiguration configuration)
    {
        bool otlp = OtlpExport.IsWanted(configuration);
        var metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .AddMeter(Meters)
            .AddView(instrument =>
            {
                // The SDK hears every meter of the process. Where several hosts live in one, as in tests, each shows its own and the process' alone.
                if (instrument.Meter.Scope is IMeterFactory other && other != meters) return MetricStreamConfiguration.Drop;
                if (Unwanted.Contains(instrument.Name)) return MetricStreamConfiguration.Drop;
                if (instrument.Meter.Name.StartsWith(Own, StringComparison.Ordinal)) exporter.Announce(instrument);
                return Buckets(instrument);
            })
            .AddReader(new BaseExportingMetricReader(exporter));
        if (otlp) metrics.AddOtlpExporter();
        _metrics = metrics.Build();
        if (otlp) _traces = Sdk.CreateTracerProviderBuilder().ConfigureResource(Describe).AddSource(Sources).AddOtlpExporter().Build();
    }

    // Nothing to do: what counts is that the host made this object before it started the services after it.
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _metrics.Dispose();
        _traces?.Dispose();
    }

    private static void Describe(ResourceBuilder resource) => resource.AddService(
        "fleet",
        serviceVersion: typeof(FleetTelemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);

    private static ExplicitBucketHistogramConfiguration? Buckets(Instrument instrument)
    {
        bool isHistogram = instrument.GetType().GetGenericTypeDefinition() == typeof(Histogram<>);
        return isHistogram && instrument is { Unit: "s" } && !HasAdvice(instrument)
            ? new ExplicitBucketHistogramConfiguration { Boundaries = SecondsBuckets }
            : null;
    }

    private static bool HasAdvice(Instrument instrument) => instrument switch
    {
        Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries is not null,
        _ => false,
    };
}
