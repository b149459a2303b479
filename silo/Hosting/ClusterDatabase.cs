using Fleet.Silo.Storage;
using Npgsql;

namespace Fleet.Silo.Hosting;

/// <summary>The connection that Orleans has to the database, beside those of Fleet's storage.</summary>
internal static class ClusterDatabase
{
    /// <summary>
    /// Connections of one process for membership and reminders, which need one or two, but for a moment when thousands of grains register a
    /// reminder at once. Npgsql's default of 100 is PostgreSQL's own limit for all processes together.
    /// </summary>
    private const int MaxConnections = 10;

    public static string Of(StorageOptions storage)
    {
        var connection = new NpgsqlConnectionStringBuilder(storage.ConnectionString);
        connection.MaxPoolSize = Math.Min(connection.MaxPoolSize, MaxConnections);
        connection.MinPoolSize = Math.Min(connection.MinPoolSize, connection.MaxPoolSize);
        connection.ApplicationName ??= "fleet-orleans";
        return connection.ConnectionString;
    }
}
