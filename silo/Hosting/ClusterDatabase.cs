using Fleet.Silo.Storage;
using Npgsql;

namespace Fleet.Silo.Hosting;

/// <summary>The connections that Orleans has to the database, beside those of Fleet's storage.</summary>
internal static class ClusterDatabase
{
    /// <summary>
    /// For membership and reminders, which need one or two, but for a moment when thousands of grains register a reminder at once. Npgsql's
    /// default of 100 is PostgreSQL's own limit for all processes together.
    /// </summary>
    public static string ForMembership(StorageOptions storage) => Of(storage, "fleet-orleans", 10);

    /// <summary>For grain states with <c>adonet</c>: a pool of its own, so that membership never waits behind them.</summary>
    public static string ForStates(StorageOptions storage) => Of(storage, "fleet-states", 20);

    private static string Of(StorageOptions storage, string name, int maxConnections)
    {
        var connection = new NpgsqlConnectionStringBuilder(storage.ConnectionString);
        connection.MaxPoolSize = Math.Min(connection.MaxPoolSize, maxConnections);
        connection.MinPoolSize = Math.Min(connection.MinPoolSize, connection.MaxPoolSize);
        // Npgsql has a pool for each connection string.
        connection.ApplicationName = string.IsNullOrEmpty(connection.ApplicationName) ? name : $"{connection.ApplicationName} ({name})";
        return connection.ConnectionString;
    }
}
