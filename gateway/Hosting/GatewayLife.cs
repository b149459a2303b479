using Fleet.Gateway.Auth;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Transport;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Gateway.Hosting;

/// <summary>The order in which the gateway's concerns start, stop and are swept.</summary>
internal static class GatewayLife
{
    public static IServiceCollection AddGatewayLife(this IServiceCollection services)
    {
        services.AddSingleton<ClusterLife>();
        services.AddSingleton<GatewayRounds>();
        // The gateways before the retained messages, so that no change that comes after the reading is missed. At the end, all is stored
        // and told before the others hear that this one leaves.
        services.AddStep<ClusterLife>();
        services.AddStep<PresenceReporter>();
        services.AddStep<SessionJournal>();
        services.AddStep<RetainedCatchUp>();
        services.AddStep<RestoredCertificates>();
        services.AddStep<GatewayRounds>();

        services.AddSweep<ConnectionRegistry>(static connections => connections.Tick);
        services.AddSweep<SessionDirectory>(static sessions => sessions.Sweep);
        services.AddSweep<SessionHandoff>(static handoff => handoff.Sweep);
        services.AddSweep<SessionFailover>(static failover => _ => failover.Sweep());
        services.AddSweep<Fences>(static fences => fences.Sweep);
        services.AddSweep<SessionAcquirer>(static acquirer => acquirer.Sweep);
        services.AddSweep<SessionLifecycle>(static lifecycle => lifecycle.Sweep);
        services.AddSweep<Flapping>(static flapping => flapping.Sweep);
        services.AddSweep<RetainedMessages>(static retained => retained.Sweep);
        return services.AddHostedService<GatewayService>();
    }

    private static void AddStep<T>(this IServiceCollection services) where T : class, IGatewayStep =>
        services.AddSingleton<IGatewayStep>(static provider => provider.GetRequiredService<T>());

    private static void AddSweep<T>(this IServiceCollection services, Func<T, Sweep> of) where T : class =>
        services.AddSingleton(provider => of(provider.GetRequiredService<T>()));
}
