using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Fleet.Silo.Hosting;

/// <summary>
/// A gateway's tie to the silos. It waits for them as long as it takes: silos and gateways may be started in any
/// order, and come back in any.
/// </summary>
internal sealed class ClusterConnection(TimeProvider clock, ILogger<ClusterConnection> log)
    : IClientConnectionRetryFilter, IClusterConnectionStatusObserver, IHealthCheck
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>One line for a wait that may be long.</summary>
    private static readonly TimeSpan SayAgainAfter = TimeSpan.FromSeconds(30);

    private long? _saidAt;
    private volatile bool _isConnected = true;

    // Before the first connection the gateway has not started, and nobody can ask.
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isConnected ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("no silo is reached"));

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        if (_saidAt is not { } said || clock.GetElapsedTime(said) > SayAgainAfter)
        {
            _saidAt = clock.GetTimestamp();
            HostingLog.WaitsForSilos(log, exception.Message);
        }
        await Task.Delay(RetryAfter, clock, cancellationToken);
        return true;
    }

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways, bool connectionRecovered)
    {
        if (connectionRecovered) HostingLog.FoundSilos(log, currentNumberOfGateways);
        _isConnected = currentNumberOfGateways > 0;
    }

    public void NotifyClusterConnectionLost()
    {
        _isConnected = false;
        HostingLog.LostSilos(log);
    }
}
