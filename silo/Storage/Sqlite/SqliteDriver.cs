using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Fleet.Silo.Files;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>The file <c>fleet.db</c> in the data directory. It belongs to one process, whatever the use.</summary>
internal sealed class SqliteDriver : IDatabaseDriver
{
    public string Provider => StorageOptions.Sqlite;

    public void AddDatabase(IServiceCollection services, DatabaseUse use)
    {
        services.AddSingleton(s => new SqliteDatabase(
            s.GetRequiredService<DataDirectory>().File("fleet.db"), s.GetRequiredService<IOptions<StorageOptions>>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<GroupCommitWriter>();
        services.AddSingleton<SqliteReaders>();
        services.AddSingleton<IRetainedStore, SqliteRetainedStore>();
        services.AddSingleton<ISessionStore, SqliteSessionStore>();
        services.AddSingleton<IRuleQueue, SqliteRuleQueue>();
    }

    public void AddGrainStores(ISiloBuilder silo)
    {
        silo.Services.AddSingleton<ETagClock>();
        silo.Services.AddSingleton<IRecordStore, SqliteRecords>();
        silo.Services.AddSingleton<IIndexTables, SqliteIndexTables>();
        silo.Services.AddSingleton<ICatalog, SqliteCatalog>();
        silo.Services.AddSingleton<IRuleStore, SqliteRuleStore>();
        silo.AddReminders();
        silo.Services.AddSingleton<IReminderTable, SqliteReminderTable>();
    }
}
