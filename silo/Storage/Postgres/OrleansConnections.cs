using Microsoft.Extensions.Options;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// How Orleans' own providers reach the database, beside Fleet's storage: the name that AdoNet has for the driver, and a connection string.
/// </summary>
internal sealed class OrleansConnections(IOptions<StorageOptions> options)
{
    private const string Invariant = "Npgsql";

    /// <summary>
    /// For membership and reminders, which need one or two, but for a moment when thousands of grains register a reminder at once. Npgsql's
    /// default of 100 is PostgreSQL's own limit for all processes together.
    /// </summary>
    public (string Invariant, string ConnectionString) ForMembership => Of("fleet-orleans", 10);

    /// <summary>For grain states with <c>adonet</c>: a pool of its own, so that membership never waits behind them.</summary>
    public (string Invariant, string ConnectionString) ForStates => Of("fleet-states", 20);

    private (string Invariant, string ConnectionString) Of(string name, int maxConnections)
    {
        var connection = new NpgsqlConnectionStringBuilder(options.Value.ConnectionString);
        connection.MaxPoolSize = Math.Min(connection.MaxPoolSize, maxConnections);
        connection.MinPoolSize = Math.Min(connection.MinPoolSize, connection.MaxPoolSize);
        // Npgsql has a pool for each connection string.
        connection.ApplicationName = string.IsNullOrEmpty(connection.ApplicationName) ? name : $"{connection.ApplicationName} ({name})";
        return (Invariant, connection.ConnectionString);
    }
}
