using Npgsql;

namespace Fleet.IntegrationTests.Support;

/// <summary>A database of one test, on the server of FLEET_TEST_POSTGRES. Without a server the test is skipped, and says so.</summary>
internal sealed class PostgresTestDatabase : IDisposable
{
    private readonly string _name = PostgresServer.CreateDatabase();

    public string ConnectionString => PostgresServer.ConnectionString(_name);

    public object? Scalar(string sql)
    {
        using var connection = new NpgsqlConnection(ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }

    public void Dispose() => PostgresServer.DropDatabase(_name);
}
