using Npgsql;
using Xunit;

namespace Fleet.Testing;

/// <summary>The server of FLEET_TEST_POSTGRES: a connection string of a superuser on a server whose databases nobody misses.</summary>
public static class PostgresServer
{
    public const string Variable = "FLEET_TEST_POSTGRES";

    private static readonly Lazy<string?> Unusable = new(Try);

    /// <summary>Why there is none; null if there is one.</summary>
    public static string? Missing => Unusable.Value;

    public static string ConnectionString(string database, string? server = null) =>
        new NpgsqlConnectionStringBuilder(server ?? Environment.GetEnvironmentVariable(Variable)) { Database = database, MaxPoolSize = 5 }.ConnectionString;

    /// <summary>Where there is no server, the test that asks for a database is skipped, and says so.</summary>
    public static string CreateDatabase(string? server = null)
    {
        if (server is null && Missing is { } reason) Assert.Skip(reason);
        string name = $"fleet_test_{Guid.NewGuid():N}";
        Execute($"CREATE DATABASE {name}", server);
        return name;
    }

    public static void DropDatabase(string name, string? server = null) => Execute($"DROP DATABASE IF EXISTS {name} WITH (FORCE)", server);

    private static void Execute(string sql, string? server)
    {
        using var connection = new NpgsqlConnection(server ?? Environment.GetEnvironmentVariable(Variable));
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    private static string? Try()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            return $"needs PostgreSQL: set {Variable} to a superuser's connection string on a throwaway server";
        try
        {
            Execute("SELECT 1", null);
            return null;
        }
        catch (NpgsqlException e)
        {
            return $"the server of {Variable} does not answer: {e.Message}";
        }
    }
}
