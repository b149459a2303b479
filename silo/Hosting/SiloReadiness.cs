using Fleet.Silo.Telemetry;

namespace Fleet.Silo.Hosting;

/// <summary>Whether this silo belongs to the cluster.</summary>
internal sealed class SiloReadiness(ISiloStatusOracle silo) : IReadinessCheck
{
    public string Name => "cluster";

    public ValueTask<string?> Check(CancellationToken cancellation) =>
        new(silo.CurrentStatus is SiloStatus.Active ? null : $"this silo is {silo.CurrentStatus}");
}
