using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>
/// After a start: devices that stood as connected when the process ended are looked at once, so that each notices that its gateway is gone.
/// A device that has come back in the meantime stays as it is.
/// </summary>
internal sealed class PresenceRepair(IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger<PresenceRepair> log) : BackgroundService
{
    private const int PageSize = 500;

    /// <summary>At a time. Enough to fill a transaction, and few enough to leave room for the devices that come back at this very moment.</summary>
    private const int Concurrency = 64;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int looked = 0;
        foreach (var connectivity in (Connectivity[])[Connectivity.Connected, Connectivity.Stale])
        {
            var query = new FleetQuery([("connectivity", ConnectivityNames.Of(connectivity))]);
            ThingName? after = null;
            while (await Page(query, after, stoppingToken) is { Length: > 0 } page)
            {
                await Parallel.ForEachAsync(
                    page, new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = stoppingToken }, Look);
                looked += page.Length;
                after = page[^1].Thing;
            }
        }
        if (looked > 0) HostingLog.RepairedPresence(log, looked);
    }

    private Task<ImmutableArray<DeviceRow>> Page(FleetQuery query, ThingName? after, CancellationToken cancellation) =>
        StartupRetry.UntilItWorks(() => index.Find(query, after, PageSize, cancellation), RetryAfter, clock, log, cancellation);

    private async ValueTask Look(DeviceRow device, CancellationToken cancellation) =>
        await StartupRetry.UntilItWorks(() => grains.GetGrain<IDeviceGrain>(device.Thing.Value).Get(), RetryAfter, clock, log, cancellation);
}
