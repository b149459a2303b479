using Fleet.Silo.Storage;
using Fleet.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>
/// What is different when grains run on Orleans: silos find each other through PostgreSQL, which holds membership, reminders and grain states,
/// and gateways may be processes of their own.
/// </summary>
internal static class Engine
{
    public const string Name = "orleans";

    /// <summary>What AdoNet calls the PostgreSQL driver.</summary>
    private const string Invariant = "Npgsql";

    private const string AdoNet = "adonet";

    public static WebApplicationBuilder AddEngine(this WebApplicationBuilder builder)
    {
        builder.Services.AddClusterSettings();
        builder.Services.AddFleetStorage(builder.Configuration);
        builder.UseOrleans(silo =>
        {
            silo.UseAdoNetClustering(options => options.Configure<IOptions<StorageOptions>>(
                static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.Of(storage.Value))));
            silo.UseAdoNetReminderService(options => options.Configure<IOptions<StorageOptions>>(
                static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.Of(storage.Value))));
            silo.Services.AddOptions<EndpointOptions>().Configure<IOptions<ClusterSettings>>(static (o, cluster) => cluster.Value.ApplyTo(o));
            silo.Configure<ClusterMembershipOptions>(Membership.NoticeTheDead);
            AddGrainStates(silo, builder.Configuration[$"{StorageOptions.Section}:Provider"]);
        });
        builder.Services.AddReadiness<SiloReadiness>("cluster");
        return builder;
    }

    public static WebApplicationBuilder AddEngineClient(this WebApplicationBuilder builder)
    {
        builder.Services.AddClusterSettings();
        builder.Services.AddFleetGatewayStores(builder.Configuration);
        builder.UseOrleansClient(client =>
        {
            client.UseAdoNetClustering(options => options.Configure<IOptions<StorageOptions>>(
                static (o, storage) => (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.Of(storage.Value))));
            client.Configure<GatewayOptions>(Membership.UseNewSilosSoon);
            client.Services.AddSingleton<ClusterConnection>();
            client.Services.AddSingleton<IClientConnectionRetryFilter>(s => s.GetRequiredService<ClusterConnection>());
            client.Services.AddSingleton<IClusterConnectionStatusObserver>(s => s.GetRequiredService<ClusterConnection>());
        });
        builder.Services.AddReadiness<ClusterConnection>("cluster");
        return builder;
    }

    private static void AddClusterSettings(this IServiceCollection services)
    {
        services.AddOptions<ClusterSettings>().BindConfiguration(ClusterSettings.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ClusterOptions>().Configure<IOptions<ClusterSettings>>(
            static (o, cluster) => (o.ClusterId, o.ServiceId) = (cluster.Value.ClusterId, cluster.Value.ServiceId));
    }

    /// <summary>With adonet, the stock provider for grain states; otherwise Fleet's storage has registered its own.</summary>
    private static void AddGrainStates(ISiloBuilder silo, string? provider)
    {
        if (provider != AdoNet) return;
        silo.AddAdoNetGrainStorage(AdoNet, options => options.Configure<IOptions<StorageOptions>>(static (o, storage) =>
        {
            (o.Invariant, o.ConnectionString) = (Invariant, ClusterDatabase.Of(storage.Value));
            o.GrainStorageSerializer = new GrainStateSerializer();
        }));
        silo.Services.AddSingleton<IGrainStorage>(static s =>
            new IndexedGrainStorage(s.GetRequiredKeyedService<IGrainStorage>(AdoNet), s.GetRequiredService<IRecordStore>()));
    }
}
