using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Fleet.Silo.Hosting;
using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Rules;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Fleet.Silo.Storage;

internal static class StorageServices
{
    /// <summary>
    /// Grain records, fleet index, catalog, retained messages and sessions, in the data directory's <c>fleet.db</c> or in PostgreSQL, as
    /// <c>Fleet:Storage:Provider</c> says.
    /// </summary>
    public static IServiceCollection AddFleetStorage(this IServiceCollection services, string provider)
    {
        AddOptions(services);
        services.AddSingleton<StorageHealth>();
        services.AddSingleton<StorageMetrics>();
        services.AddSingleton<StorageMonitor>();
        services.AddSingleton<StorageProbe>();
        services.AddSingleton<IFleetIndex>(s => new FleetIndex(s.GetRequiredService<IIndexTables>()));
        if (provider is StorageOptions.Sqlite) AddSqlite(services);
        else AddPostgres(services);
        if (provider is not StorageOptions.AdoNet)
            services.AddSingleton<IGrainStorage>(s => new GrainStorage(s.GetRequiredService<IRecordStore>(), StoredJson.For(GrainStateJson.Options)));
        return services;
    }

    /// <summary>Retained messages and sessions alone, for a gateway in a process of its own. The database is one that others reach: PostgreSQL.</summary>
    public static IServiceCollection AddFleetGatewayStores(this IServiceCollection services)
    {
        AddOptions(services);
        services.AddSingleton(s => new PostgresDatabase(
            s.GetRequiredService<IOptions<StorageOptions>>(), s.GetRequiredService<TimeProvider>(), DatabaseUse.WithoutRecords));
        return services.AddSingleton<IRetainedStore, PostgresRetainedStore>().AddSingleton<ISessionStore, PostgresSessionStore>()
            .AddSingleton<IRuleQueue, PostgresRuleQueue>();
    }

    private static void AddOptions(IServiceCollection services) =>
        services.AddOptions<StorageOptions>().BindConfiguration(StorageOptions.Section).ValidateDataAnnotations().ValidateOnStart();

    private static void AddSqlite(IServiceCollection services)
    {
        services.AddSingleton(s => new SqliteDatabase(
            s.GetRequiredService<DataDirectory>().File("fleet.db"), s.GetRequiredService<IOptions<StorageOptions>>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<GroupCommitWriter>();
        services.AddSingleton<SqliteReaders>();
        services.AddSingleton<ETagClock>();
        services.AddSingleton<IRecordStore, SqliteRecords>();
        services.AddSingleton<IIndexTables, SqliteIndexTables>();
        services.AddSingleton<ICatalog, SqliteCatalog>();
        services.AddSingleton<IRetainedStore, SqliteRetainedStore>();
        services.AddSingleton<ISessionStore, SqliteSessionStore>();
        services.AddSingleton<IRuleQueue, SqliteRuleQueue>();
        services.AddSingleton<IRuleStore, SqliteRuleStore>();
    }

    private static void AddPostgres(IServiceCollection services)
    {
        services.AddSingleton(s => new PostgresDatabase(
            s.GetRequiredService<IOptions<StorageOptions>>(), s.GetRequiredService<TimeProvider>(),
            s.GetRequiredService<ProcessIdentity>().IsClustered ? DatabaseUse.Shared : DatabaseUse.Sole));
        services.AddSingleton<IRecordStore, PostgresRecords>();
        services.AddSingleton<IIndexTables, PostgresIndexTables>();
        services.AddSingleton<ICatalog, PostgresCatalog>();
        services.AddSingleton<IRetainedStore, PostgresRetainedStore>();
        services.AddSingleton<ISessionStore, PostgresSessionStore>();
        services.AddSingleton<IRuleQueue, PostgresRuleQueue>();
        services.AddSingleton<IRuleStore, PostgresRuleStore>();
    }
}
