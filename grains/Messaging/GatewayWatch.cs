using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// Keeps the route table activated from every silo. Without it, a gateway that dies together with the silo that held the table would be
/// missed by nobody as long as no other gateway beats.
/// </summary>
internal sealed class GatewayWatch(IGrainFactory grains, TimeProvider clock, ILogger<GatewayWatch> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(GatewayLiveness.BeatEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await grains.GetGrain<IRouteTableGrain>(IRouteTableGrain.Key).GetView();
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.WatchFailed(e);
            }
        }
    }
}

public static class MessagingServices
{
    /// <summary>For every process that hosts grains; after the silo.</summary>
    public static IServiceCollection AddFleetMessaging(this IServiceCollection services) =>
        services.AddGrainExceptions().AddHostedService<GatewayWatch>();
}
