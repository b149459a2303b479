using Fleet.Gateway;
using Fleet.Silo.Storage;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Fleet.Silo.Hosting;

/// <summary>No port before the listeners are bound, and none of them is ever closed before the process ends.</summary>
internal sealed class GatewayReadiness(GatewayListeners listeners) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(listeners.MqttsPort is null ? HealthCheckResult.Unhealthy("does not listen yet") : HealthCheckResult.Healthy());
}

internal sealed class StorageReadiness(StorageProbe probe) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        await probe.Check(cancellationToken) is { } failure ? HealthCheckResult.Unhealthy(failure) : HealthCheckResult.Healthy();
}

/// <summary>Whether this silo belongs to the cluster.</summary>
internal sealed class SiloReadiness(ISiloStatusOracle silo) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(silo.CurrentStatus is SiloStatus.Active
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"this silo is {silo.CurrentStatus}"));
}
