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
    private const int PageSize = 1_000;

    /// <summary>Enough to fill a transaction, and few enough to leave room for the devices that come back at this very moment.</summary>
    private const int Concurrency = 64;

    private static readonly Connectivity[] There = [Connectivity.Connected, Connectivity.Stale];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int looked = await StartupPass.Run(
            () => StoodAsConnected(stoppingToken), thing => grains.GetGrain<IDeviceGrain>(thing).Get(), Concurrency, clock, log, stoppingToken);
        if (looked > 0) HostingLog.RepairedPresence(log, looked);
    }

    private async Task<List<string>> StoodAsConnected(CancellationToken cancellation)
    {
        List<string> things = [];
        foreach (var connectivity in There)
        {
            var query = FleetQuery.Of(connectivity);
            ThingName? after = null;
            while (await index.Find(query, after, PageSize, cancellation) is { Length: > 0 } page)
            {
                things.AddRange(page.Select(device => device.Thing.Value));
                after = page[^1].Thing;
            }
        }
        return things;
    }
}
