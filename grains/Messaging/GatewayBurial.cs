using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// What is left to do for the sessions of a dead gateway: each of its devices becomes disconnected, and a gateway that lives publishes its
/// presence event and its will. A device that has come back through another gateway stays as it is.
/// </summary>
internal sealed class GatewayBurial(string gatewayId, IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger log)
{
    private const int PageSize = 500;
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5)];

    /// <returns>How many devices there were.</returns>
    public async Task<int> Run()
    {
        int devices = 0;
        ThingName? after = null;
        while (await index.Find(DevicesOfGateway.Query(gatewayId), after, PageSize, CancellationToken.None) is { Length: > 0 } page)
        {
            var lost = await Task.WhenAll(page.Select(device => Lose(device.Thing)));
            var sessions = lost.OfType<LostSession>().ToImmutableArray();
            if (!sessions.IsEmpty) await Mourn(sessions);
            devices += sessions.Length;
            after = page[^1].Thing;
        }
        return devices;
    }

    private async Task<LostSession?> Lose(ThingName thing)
    {
        if (await grains.GetGrain<IDeviceGrain>(thing.Value).GatewayLost(gatewayId, clock.GetUtcNow()) is not { } session) return null;
        var will = await grains.GetGrain<ISessionGrain>(thing.Value).GatewayLost(gatewayId);
        return new LostSession(thing.Value, session.SessionId, session.Certificate?.Value, session.Epoch, will);
    }

    private async Task Mourn(ImmutableArray<LostSession> sessions)
    {
        Exception? failure = null;
        foreach (var pause in Pauses)
        {
            try
            {
                var view = await grains.GetGrain<IRouteTableGrain>(IRouteTableGrain.Key).GetView();
                if (view.Gateways is [var first, ..])
                {
                    await grains.GetGrain<IGatewayGrain>(first.Id).Mourn(sessions);
                    return;
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
            await Task.Delay(pause, clock);
        }
        log.NotMourned(failure, sessions.Length, gatewayId);
    }
}

/// <summary>The devices whose session a gateway holds, as the fleet index knows them.</summary>
internal static class DevicesOfGateway
{
    public static FleetQuery Query(string gatewayId) => FleetQuery.OfGateway(gatewayId);
}
