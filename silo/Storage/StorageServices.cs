using Fleet.Gateway.Retained;
using Fleet.Grains;
using Fleet.Grains.Index;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Fleet.Silo.Storage;

internal static class StorageServices
{
    /// <summary>Grain records, fleet index, catalog, reminders and retained messages in the data directory's <c>fleet.db</c>.</summary>
    public static IServiceCollection AddSqliteStorage(this IServiceCollection services)
    {
        services.AddOptions<StorageOptions>().BindConfiguration("Fleet:Storage").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(s => new SqliteDatabase(
            s.GetRequiredService<DataDirectory>().File("fleet.db"), s.GetRequiredService<IOptions<StorageOptions>>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<StorageHealth>();
        services.AddSingleton<StorageMetrics>();
        services.AddSingleton<GroupCommitWriter>();
        services.AddSingleton<SqliteReaders>();
        services.AddSingleton<ETagClock>();
        services.AddSingleton<StorageProbe>();
        services.AddSingleton<IGrainStorage>(s => new SqliteGrainStorage(
            s.GetRequiredService<GroupCommitWriter>(), s.GetRequiredService<SqliteReaders>(), s.GetRequiredService<ETagClock>(),
            StoredJson.For(GrainStateJson.Options), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IFleetIndex, SqliteFleetIndex>();
        services.AddSingleton<ICatalog, SqliteCatalog>();
        services.AddSingleton<IReminderTable, SqliteReminderTable>();
        services.AddSingleton<IRetainedStore, SqliteRetainedStore>();
        return services;
    }
}
