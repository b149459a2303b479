using Fleet.Interfaces;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Grains.Messaging;

public static class MessagingServices
{
    /// <summary>For every process that hosts grains; after the silo.</summary>
    public static IServiceCollection AddFleetMessaging(this IServiceCollection services) =>
        services.AddGrainExceptions().AddHostedService<GatewayWatch>();
}
