using Fleet.Silo.Storage;
using Fleet.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Dashboard;

namespace Fleet.Silo.Hosting;

/// <summary>
/// Sets Orleans up. A process that is alone runs one silo that nobody else can reach. In a cluster silos find each other through a
/// database, talk over TLS, and gateways may be processes of their own. Either way grain states and reminders lie where
/// <c>Fleet:Storage</c> says.
/// </summary>
internal static class OrleansHosting
{
    public static void AddFleetSilo(this WebApplicationBuilder builder, ProcessIdentity process)
    {
        builder.Services.AddClusterSettings();
        builder.UseOrleans(silo =>
        {
            silo.AddFleetStorage(process.Database, process.IsClustered ? DatabaseUse.Shared : DatabaseUse.Sole);
            if (process.Cluster is { } cluster) JoinCluster(silo, cluster);
            else StandAlone(silo);
            silo.Services.AddOptions<GrainCollectionOptions>().Configure<IOptions<ClusterSettings>>(
                static (o, cluster) => cluster.Value.ApplyTo(o));
            if (OtlpExport.IsWanted(builder.Configuration)) silo.AddActivityPropagation();
            if (Dashboard.IsWanted(builder.Configuration)) silo.AddDashboard();
        });
        builder.Services.AddReadiness<SiloReadiness>("cluster");
    }

    /// <summary>For a gateway in a process of its own.</summary>
    public static void AddFleetSiloClient(this WebApplicationBuilder builder, IClusterDatabaseDriver cluster)
    {
        builder.Services.AddFleetGatewayStores(cluster, DatabaseUse.WithoutRecords);
        builder.Services.AddClusterSettings();
        builder.UseOrleansClient(client =>
        {
            cluster.AddMembership(client);
            client.Configure<GatewayOptions>(Membership.UseNewSilosSoon);
            ClusterTls.Use(client);
            client.Services.AddSingleton<ClusterConnection>();
            client.Services.AddSingleton<IClientConnectionRetryFilter>(s => s.GetRequiredService<ClusterConnection>());
            client.Services.AddSingleton<IClusterConnectionStatusObserver>(s => s.GetRequiredService<ClusterConnection>());
            if (OtlpExport.IsWanted(builder.Configuration)) client.AddActivityPropagation();
        });
        builder.Services.AddReadiness<ClusterConnection>("cluster");
    }

    /// <summary>Membership is in this process' memory, and the addresses name the silo without anybody listening there.</summary>
    private static void StandAlone(ISiloBuilder silo)
    {
        silo.UseLocalhostClustering(gatewayPort: 0);
        ClosedListener.ReplaceAll(silo.Services);
        // Every grain is here: a cache of where grains are would only keep 300 bytes for each that was ever active.
        silo.Configure<GrainDirectoryOptions>(static o => o.CachingStrategy = GrainDirectoryOptions.CachingStrategyType.None);
    }

    private static void JoinCluster(ISiloBuilder silo, IClusterDatabaseDriver cluster)
    {
        cluster.AddMembership(silo);
        silo.Services.AddOptions<EndpointOptions>().Configure<IOptions<ClusterSettings>>(static (o, cluster) => cluster.Value.ApplyTo(o));
        silo.Configure<ClusterMembershipOptions>(Membership.NoticeTheDead);
        ClusterTls.Use(silo);
    }

    private static void AddClusterSettings(this IServiceCollection services)
    {
        services.AddOptions<ClusterSettings>().BindConfiguration(ClusterSettings.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ClusterOptions>().Configure<IOptions<ClusterSettings>>(
            static (o, cluster) => (o.ClusterId, o.ServiceId) = (cluster.Value.ClusterId, cluster.Value.ServiceId));
    }
}
