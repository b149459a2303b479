using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>A PostgreSQL database. Orleans' own tables of members and reminders stand in it beside Fleet's.</summary>
internal class PostgresDriver : IClusterDatabaseDriver
{
    public virtual string Provider => StorageOptions.Postgres;

    public void AddDatabase(IServiceCollection services, DatabaseUse use)
    {
        services.AddOptions<StorageOptions>().Validate(
            static options => !string.IsNullOrWhiteSpace(options.ConnectionString),
            $"{StorageOptions.Section}:ConnectionString is needed with {StorageOptions.Section}:Provider={Provider}.");
        services.AddSingleton(s => new PostgresDatabase(
            s.GetRequiredService<IOptions<StorageOptions>>(), s.GetRequiredService<TimeProvider>(), use));
        services.AddSingleton<OrleansConnections>();
        services.AddSingleton<IRetainedStore, PostgresRetainedStore>();
        services.AddSingleton<ISessionStore, PostgresSessionStore>();
        services.AddSingleton<IRuleQueue, PostgresRuleQueue>();
    }

    public virtual void AddGrainStores(ISiloBuilder silo)
    {
        silo.Services.AddSingleton<IRecordStore, PostgresRecords>();
        silo.Services.AddSingleton<IIndexTables, PostgresIndexTables>();
        silo.Services.AddSingleton<ICatalog, PostgresCatalog>();
        silo.Services.AddSingleton<IRuleStore, PostgresRuleStore>();
        silo.UseAdoNetReminderService(table => table.Configure<OrleansConnections>(
            static (o, connections) => (o.Invariant, o.ConnectionString) = connections.ForMembership));
    }

    public void AddMembership(ISiloBuilder silo) => silo.UseAdoNetClustering(table => table.Configure<OrleansConnections>(
        static (o, connections) => (o.Invariant, o.ConnectionString) = connections.ForMembership));

    public void AddMembership(IClientBuilder client) => client.UseAdoNetClustering(table => table.Configure<OrleansConnections>(
        static (o, connections) => (o.Invariant, o.ConnectionString) = connections.ForMembership));
}
