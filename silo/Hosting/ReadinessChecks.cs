using Fleet.Gateway.Hosting;
using Fleet.Silo.Storage;
using Fleet.Silo.Telemetry;

namespace Fleet.Silo.Hosting;

/// <summary>No port before the listeners are bound, and none of them is ever closed before the process ends.</summary>
internal sealed class GatewayReadiness(GatewayListeners listeners) : IReadinessCheck
{
    public string Name => "gateway";

    public ValueTask<string?> Check(CancellationToken cancellation) => new(listeners.MqttsPort is null ? "does not listen yet" : null);
}

internal sealed class StorageReadiness(StorageProbe probe) : IReadinessCheck
{
    public string Name => "storage";

    public async ValueTask<string?> Check(CancellationToken cancellation) => await probe.Check(cancellation);
}
