using Fleet.UnitTests.Storage;

namespace Fleet.IntegrationTests.Support;

/// <summary>A database of one test, on the server of FLEET_TEST_POSTGRES.</summary>
internal sealed class PostgresTestDatabase : IDisposable
{
    private readonly string _name = PostgresServer.CreateDatabase();

    public string ConnectionString => PostgresServer.ConnectionString(_name);

    public void Dispose() => PostgresServer.DropDatabase(_name);
}
