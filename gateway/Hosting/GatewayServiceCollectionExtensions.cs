using Fleet.Gateway.Auth;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Downloads;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Reactor;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fleet.Gateway.Hosting;

public static class GatewayServiceCollectionExtensions
{
    /// <summary>
    /// Adds a gateway, configured by <c>Fleet:Gateway</c>. The host brings the grains (an <see cref="IGrainFactory"/> that has started
    /// before) and <see cref="IGatewayTrust"/>, <see cref="IRetainedStore"/>, <see cref="ISessionStore"/>, <see cref="IRuleQueue"/>,
    /// <see cref="IBlobSource"/>, <see cref="IDownloadKey"/> and <see cref="IPasswordAuthenticator"/>; then it calls
    /// <c>kestrel.ListenFleetMqtt()</c> and <c>app.MapFleetGateway()</c>.
    /// </summary>
    public static IServiceCollection AddFleetGateway(this IServiceCollection services)
    {
        services.AddSettings();
        services.AddGrainExceptions();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<TransportChoice>();
        services.AddSingleton<GatewayListeners>();
        services.AddSingleton<GatewayIdentity>();
        services.AddSingleton<GatewayClock>();
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<GatewayObserver>();

        services.AddSingleton<Peers>();
        services.AddSingleton<Routes>();
        services.AddSingleton<Forwarder>();
        services.AddSingleton<LinkBarrier>();
        services.AddSingleton<FailoverStore>();
        services.AddSingleton<TakenOverSessions>();
        services.AddSingleton<SessionFailover>();
        services.AddSingleton<ISessionArrivals>(provider => provider.GetRequiredService<SessionFailover>());
        services.AddSingleton<IForwardedFrames, ForwardedFrames>();
        services.AddSingleton<IHandoffFrames>(provider => provider.GetRequiredService<SessionHandoff>());
        services.AddSingleton<IFailoverFrames>(provider => provider.GetRequiredService<SessionFailover>());
        services.AddSingleton<PeerInbox>();
        services.AddSingleton<ClusterMember>();

        services.AddSingleton<RetainedMessages>();
        services.AddSingleton<RetainedCatchUp>();
        services.AddSingleton<GuardedDelivery>();
        services.AddSingleton<Broker>();
        services.AddSingleton<SessionJournal>();
        services.AddSingleton<SessionSnapshots>();
        services.AddSingleton<RestoredCertificates>();
        services.AddSingleton<SessionRestore>();
        services.AddSingleton<Fences>();
        services.AddSingleton<SessionEnding>();
        services.AddSingleton<SessionDirectory>();
        services.AddSingleton<ArrivedSessions>();
        services.AddSingleton<HandoffEffects>();
        services.AddSingleton<SessionHandoff>();
        services.AddSingleton<SessionTakeover>();
        services.AddSingleton<ISessionLeaseReleaser, SessionLeaseReleaser>();
        services.AddSingleton<PolicySource>();
        services.AddSingleton<ClaimSessions>();
        services.AddSingleton<ClientAuthenticator>();
        services.AddSingleton<SessionAcquirer>();
        services.AddSingleton<ConnectAuthoriser>();
        services.AddSingleton<PresenceReporter>();
        services.AddSingleton<PresenceEvents>();
        services.AddSingleton<SubscriptionEvents>();
        services.AddSingleton<SessionLifecycle>();
        services.AddSingleton<ChannelServices>();

        services.AddSingleton<ConnectAdmission>();
        services.AddSingleton<Flapping>();
        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<ConnectionServices>();
        services.AddSingleton<MqttsTransport>();
        services.AddSingleton<PlainTransport>();
        services.AddSingleton<WebSocketTransport>();

        services.AddSingleton<RequestDispatcher>();
        services.AddSingleton<IRequestHandler, ShadowTopics>();
        services.AddSingleton<IRequestHandler, JobTopics>();
        services.AddSingleton<IRequestHandler, StreamTopics>();
        services.AddSingleton<IRequestHandler, CertificateTopics>();
        services.AddSingleton<IRequestHandler, ProvisioningTopics>();
        services.AddSingleton<JobMessages>();
        services.AddSingleton<JobNotifier>();
        services.AddSingleton<StreamLeases>();
        services.AddSingleton<BlockCache>();
        services.AddSingleton<PublicAddress>();
        services.AddSingleton<DownloadUrls>();
        services.AddSingleton<DownloadEndpoint>();

        services.AddOptions<RuleQueueOptions>().BindConfiguration(RuleQueueOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RuleMessageIds>();
        services.AddSingleton<RuleIngestMetrics>();
        services.AddSingleton<RuleParts>();
        services.AddSingleton<GatewayRules>();
        services.AddGatewayLife();
        services.AddHostedService<BrokerGauges>();
        services.AddHostedService<RuleWatch>();
        // Starts after them and stops before them.
        services.AddHostedService<ReactorServer>();
        return services;
    }

    private static void AddSettings(this IServiceCollection services)
    {
        services.AddGatewayOptions<AdmissionOptions>();
        services.AddGatewayOptions<BlockCacheOptions>();
        services.AddGatewayOptions<ChannelOptions>();
        services.AddGatewayOptions<ClaimSessionOptions>();
        services.AddGatewayOptions<DownloadOptions>();
        services.AddGatewayOptions<JournalOptions>();
        services.AddGatewayOptions<PolicyOptions>();
        services.AddGatewayOptions<RetainedOptions>();
        services.AddGatewayOptions<SessionOptions>();
        services.AddGatewayOptions<TransportOptions>();
        services.AddGatewayOptions<ReactorOptions>().Validate(
            options => options.Transport != GatewayTransport.Reactor || TransportChoice.WhyNoReactor() is null,
            "Fleet:Gateway:Transport=reactor needs Linux and OpenSSL 3 (libssl.so.3, libcrypto.so.3); "
                + "with auto, Kestrel serves where they are missing.");
        services.AddGatewayOptions<ClusterOptions>().Configure<IConfiguration>(
            (options, configuration) => options.Name ??= OwnsDataDirectory(configuration)
                ? $"{Environment.MachineName}:{Path.GetFullPath(configuration["Fleet:DataDirectory"] ?? "data")}" : null);
    }

    /// <summary>A process that is a gateway and nothing else locks no data directory, so nothing makes the name its own.</summary>
    private static bool OwnsDataDirectory(IConfiguration configuration) =>
        !string.Equals(configuration["Fleet:Role"], "gateway", StringComparison.OrdinalIgnoreCase);
}
