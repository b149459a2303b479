using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Fleet.IntegrationTests.Support;

/// <summary>What a service needs of its surroundings, by engine: this one a database of its own, on the server of FLEET_TEST_POSTGRES.</summary>
internal sealed class EngineUnderTest : IAsyncDisposable
{
    private const string Variable = "FLEET_TEST_POSTGRES";

    private readonly string _server, _database;

    // Kept through a restart: a silo that comes back where it was takes the place of the one that was killed, and need not wait until that is known to be dead.
    private readonly (int Silo, int Gateway) _ports = FreePorts();

    private EngineUnderTest(string server, string database) => (_server, _database) = (server, database);

    public IReadOnlyList<string> Settings =>
    [
        $"Fleet:Storage:ConnectionString={new NpgsqlConnectionStringBuilder(_server) { Database = _database }}",
        $"Fleet:Cluster:SiloPort={_ports.Silo}", $"Fleet:Cluster:GatewayPort={_ports.Gateway}",
    ];

    public static async Task<EngineUnderTest> Make()
    {
        string server = Environment.GetEnvironmentVariable(Variable)
            ?? throw new InvalidOperationException($"A service on Orleans needs PostgreSQL: put the connection string of a server into {Variable}.");
        var made = new EngineUnderTest(server, $"fleet_service_{Guid.NewGuid():n}");
        await made.Execute($"CREATE DATABASE {made._database}");
        return made;
    }

    public async ValueTask DisposeAsync() => await Execute($"DROP DATABASE {_database} WITH (FORCE)");

    private static (int, int) FreePorts()
    {
        using var silo = new TcpListener(IPAddress.Loopback, 0);
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        silo.Start();
        gateway.Start();
        return (((IPEndPoint)silo.LocalEndpoint).Port, ((IPEndPoint)gateway.LocalEndpoint).Port);
    }

    private async Task Execute(string sql)
    {
        await using var connection = new NpgsqlConnection(_server);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
