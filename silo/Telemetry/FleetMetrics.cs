using System.Diagnostics.Metrics;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;

namespace Fleet.Silo.Telemetry;

/// <summary>How many devices stand in each state. The index is counted now and then; scrapes in between see the last count.</summary>
internal sealed class FleetMetrics : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly IFleetIndex _index;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private volatile ImmutableDictionary<Connectivity, long> _devices = ImmutableDictionary<Connectivity, long>.Empty;

    public FleetMetrics(IFleetIndex index, IMeterFactory meters, TimeProvider clock, ILogger<FleetMetrics> log)
    {
        (_index, _clock, _log) = (index, clock, log);
        meters.Create("Fleet.Devices").CreateObservableGauge(
            "fleet.devices", Observe, "{device}", "Registered devices by connectivity: never, connected, disconnected or stale.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, _clock);
        try
        {
            do await Count(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task Count(CancellationToken cancellation)
    {
        try
        {
            _devices = await _index.CountByConnectivity(cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            TelemetryLog.CensusFailed(_log, e);
        }
    }

    private IEnumerable<Measurement<long>> Observe() =>
        _devices.Select(
            state => new Measurement<long>(
                state.Value, new KeyValuePair<string, object?>("connectivity", ConnectivityNames.Of(state.Key))));
}

internal static partial class TelemetryLog
{
    [LoggerMessage(5102, LogLevel.Warning, "The fleet index could not be counted for metrics")]
    public static partial void CensusFailed(ILogger log, Exception cause);
}
