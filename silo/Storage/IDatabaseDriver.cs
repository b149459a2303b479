using Fleet.Grains;
using Fleet.Grains.Index;
using Orleans.Storage;

namespace Fleet.Silo.Storage;

/// <summary>What a process does with its database.</summary>
internal enum DatabaseUse
{
    /// <summary>It is the only one that writes grain records, and refuses to start beside another.</summary>
    Sole,

    /// <summary>The silos of one cluster write grain records side by side.</summary>
    Shared,

    /// <summary>A gateway has sessions and retained messages here, and no grains.</summary>
    WithoutRecords,
}

/// <summary>A kind of database that keeps what Fleet knows. The host has a list of them; a further kind is one more of these.</summary>
internal interface IDatabaseDriver
{
    /// <summary>What <see cref="StorageOptions.Provider"/> calls it.</summary>
    string Provider { get; }

    /// <summary>
    /// Adds the database, and what any process keeps there: <see cref="Gateway.Retained.IRetainedStore"/>,
    /// <see cref="Gateway.Journal.ISessionStore"/> and <see cref="Gateway.Rules.IRuleQueue"/>.
    /// </summary>
    void AddDatabase(IServiceCollection services, DatabaseUse use);

    /// <summary>
    /// Adds what a process with grains keeps there besides: <see cref="IRecordStore"/>, <see cref="IIndexTables"/>, <see cref="ICatalog"/>,
    /// <see cref="Grains.Rules.IRuleStore"/> and <see cref="IReminderTable"/>.
    /// </summary>
    void AddGrainStores(ISiloBuilder silo);
}

/// <summary>One that many processes share, and that silos find each other through.</summary>
internal interface IClusterDatabaseDriver : IDatabaseDriver
{
    void AddMembership(ISiloBuilder silo);

    void AddMembership(IClientBuilder client);
}

internal static class StorageServices
{
    /// <summary>Grain records, fleet index, catalog, reminders, retained messages, sessions and rules' queues.</summary>
    public static void AddFleetStorage(this ISiloBuilder silo, IDatabaseDriver driver, DatabaseUse use)
    {
        var services = silo.Services;
        services.AddSingleton<StorageHealth>();
        services.AddSingleton<StorageMetrics>();
        services.AddSingleton<StorageMonitor>();
        services.AddSingleton<StorageProbe>();
        services.AddSingleton<IFleetIndex>(s => new FleetIndex(s.GetRequiredService<IIndexTables>()));
        services.AddSingleton<IGrainStorage>(
            s => new GrainStorage(s.GetRequiredService<IRecordStore>(), StoredJson.For(GrainStateJson.Options)));
        services.AddFleetGatewayStores(driver, use);
        // Later than the above: a driver may have another IGrainStorage.
        driver.AddGrainStores(silo);
    }

    /// <summary>What a gateway in a process of its own keeps, and no more: retained messages, sessions and rules' queues.</summary>
    public static void AddFleetGatewayStores(this IServiceCollection services, IDatabaseDriver driver, DatabaseUse use)
    {
        services.AddOptions<StorageOptions>().BindConfiguration(StorageOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        driver.AddDatabase(services, use);
    }
}
