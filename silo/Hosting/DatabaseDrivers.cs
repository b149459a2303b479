using Fleet.Silo.Storage;
using Fleet.Silo.Storage.AdoNet;
using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Sqlite;

namespace Fleet.Silo.Hosting;

/// <summary>The kinds of database that there are.</summary>
internal static class DatabaseDrivers
{
    private const string Setting = $"{StorageOptions.Section}:{nameof(StorageOptions.Provider)}";

    private static readonly ImmutableArray<IDatabaseDriver> All = [new SqliteDriver(), new PostgresDriver(), new AdoNetDriver()];

    /// <summary>Which services there are depends on it, so that it must be known before options are bound.</summary>
    /// <exception cref="StartupException">There is no such provider.</exception>
    public static IDatabaseDriver Of(IConfiguration configuration)
    {
        string provider = configuration[Setting] ?? new StorageOptions().Provider;
        return All.FirstOrDefault(driver => driver.Provider == provider) ?? throw new StartupException(
            $"'{provider}' is not a storage provider: {string.Join(", ", All.Select(driver => driver.Provider))} (setting {Setting}).");
    }
}
