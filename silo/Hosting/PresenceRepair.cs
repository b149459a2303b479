using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Hosting;

/// <summary>
/// After a start: devices that stand as connected at a gateway that is no more are looked at once, so that each notices. Those of gateways
/// that live, in this process or in others, are left alone; a device that has come back in the meantime stays as it is, so that it does not
/// matter how many silos do this at a time.
/// </summary>
internal sealed class PresenceRepair(IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger<PresenceRepair> log)
    : BackgroundService
{
    private const int PageSize = 1_000;

    /// <summary>Enough to fill a transaction, and few enough to leave room for the devices that come back at this very moment.</summary>
    private const int Concurrency = 64;

    private static readonly Connectivity[] There = [Connectivity.Connected, Connectivity.Stale];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int looked = await StartupPass.Run(
            () => Orphans(stoppingToken), thing => grains.GetGrain<IDeviceGrain>(thing).Get(), Concurrency, clock, log, stoppingToken);
        if (looked > 0) HostingLog.RepairedPresence(log, looked);
    }

    private async Task<List<string>> Orphans(CancellationToken cancellation)
    {
        List<string> things = [];
        Dictionary<string, bool> live = [];
        foreach (var connectivity in There)
        {
            var query = FleetQuery.Of(connectivity);
            ThingName? after = null;
            while (await index.Find(query, after, PageSize, cancellation) is { Length: > 0 } page)
            {
                foreach (var device in page)
                {
                    if (!await IsLive(device.Gateway, live)) things.Add(device.Thing.Value);
                }
                after = page[^1].Thing;
            }
        }
        return things;
    }

    /// <summary>Each gateway is asked for once; a row without one was written by an older version.</summary>
    private async Task<bool> IsLive(string? gateway, Dictionary<string, bool> known)
    {
        if (gateway is null) return false;
        if (!known.TryGetValue(gateway, out bool live))
            known[gateway] = live = await grains.GetGrain<IGatewayGrain>(gateway).IsLive();
        return live;
    }
}
