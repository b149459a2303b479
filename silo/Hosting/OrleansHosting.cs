using Fleet.Silo.Storage;
using Fleet.Silo.Storage.AdoNet;
using Fleet.Silo.Storage.Sqlite;
using Fleet.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>
/// Sets Orleans up. A process that is alone runs one silo that nobody else can reach. In a cluster silos find each other through PostgreSQL, talk
/// over TLS, and gateways may be processes of their own. Either way grain states and reminders lie where <c>Fleet:Storage</c> says.
/// </summary>
internal static class OrleansHosting
{
    /// <summary>What AdoNet calls the PostgreSQL driver.</summary>
    private const string Invariant = "Npgsql";

    public static void AddFleetSilo(this WebApplicationBuilder builder, ProcessIdentity process)
    {
        string provider = StorageOptions.ProviderOf(builder.Configuration);
        builder.Services.AddFleetStorage(provider);
        builder.Services.AddClusterSettings();
        builder.UseOrleans(silo =>
        {
            if (process.IsClustered) JoinCluster(silo);
            else StandAlone(silo);
            silo.Services.AddOptions<GrainCollectionOptions>().Configure<IOptions<ClusterSettings>>(static (o, cluster) => cluster.Value.ApplyTo(o));
            AddReminders(silo, provider);
            if (provider is StorageOptions.AdoNet) AddAdoNetStates(silo);
            if (OtlpExport.IsWanted(builder.Configuration)) silo.AddActivityPropagation();
            if (Dashboard.IsWanted(builder.Configuration)) silo.AddDashboard();
        });
        builder.Services.AddReadiness<SiloReadiness>("cluster");
    }

    /// <summary>For a gateway in a process of its own.</summary>
    public static void AddFleetSiloClient(this WebApplicationBuilder builder)
    {
        builder.Services.AddFleetGatewayStores();
        builder.Services.AddClusterSettings();
        builder.UseOrleansClient(client =>
        {
            client.UseAdoNetClustering(options => options.Configure<IOptions<StorageOptions>>(
                static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.ForMembership(storage.Value))));
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

    private static void JoinCluster(ISiloBuilder silo)
    {
        silo.UseAdoNetClustering(options => options.Configure<IOptions<StorageOptions>>(
            static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.ForMembership(storage.Value))));
        silo.Services.AddOptions<EndpointOptions>().Configure<IOptions<ClusterSettings>>(static (o, cluster) => cluster.Value.ApplyTo(o));
        silo.Configure<ClusterMembershipOptions>(Membership.NoticeTheDead);
        ClusterTls.Use(silo);
    }

    private static void AddReminders(ISiloBuilder silo, string provider)
    {
        if (provider is StorageOptions.Sqlite)
        {
            silo.AddReminders();
            silo.Services.AddSingleton<IReminderTable, SqliteReminderTable>();
            return;
        }
        silo.UseAdoNetReminderService(options => options.Configure<IOptions<StorageOptions>>(
            static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.ForMembership(storage.Value))));
    }

    private static void AddAdoNetStates(ISiloBuilder silo)
    {
        silo.AddAdoNetGrainStorage(StorageOptions.AdoNet, options => options.Configure<IOptions<StorageOptions>>(static (o, storage) =>
        {
            (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.ForStates(storage.Value));
            o.GrainStorageSerializer = new GrainStateSerializer();
        }));
        silo.Services.AddSingleton<IGrainStorage>(static s =>
            new IndexedGrainStorage(s.GetRequiredKeyedService<IGrainStorage>(StorageOptions.AdoNet), s.GetRequiredService<IRecordStore>()));
    }

    private static void AddClusterSettings(this IServiceCollection services)
    {
        services.AddOptions<ClusterSettings>().BindConfiguration(ClusterSettings.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ClusterOptions>().Configure<IOptions<ClusterSettings>>(
            static (o, cluster) => (o.ClusterId, o.ServiceId) = (cluster.Value.ClusterId, cluster.Value.ServiceId));
    }
}
