using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Postgres;
using Npgsql;
using Orleans;

namespace Fleet.UnitTests.Storage;

/// <summary>PostgreSQL: a database that is made for this and dropped at the end, on the server of FLEET_TEST_POSTGRES.</summary>
public sealed class PostgresTestDatabase : TestDatabase
{
    private readonly bool _ownsDatabase;
    private readonly NpgsqlDataSource _plain;
    private readonly PostgresRetainedStore _retained;
    private readonly PostgresRuleQueue _ruleQueue;
    private readonly List<PostgresSessionStore> _sessions = [];

    public PostgresTestDatabase() : this(null) { }

    internal PostgresTestDatabase(string? name, string? server = null, StorageOptions? options = null) : base(options)
    {
        _ownsDatabase = name is null;
        Name = name ?? PostgresServer.CreateDatabase(server);
        Options.Provider = "postgres";
        Options.ConnectionString ??= PostgresServer.ConnectionString(Name, server);
        Server = server;
        _plain = NpgsqlDataSource.Create(Options.ConnectionString);
        var wrapped = Microsoft.Extensions.Options.Options.Create(Options);
        Database = new PostgresDatabase(wrapped, TimeProvider.System, DatabaseUse.Sole);
        Writer = new PostgresRecords(Database, wrapped, Monitor, TimeProvider.System);
        Tables = new PostgresIndexTables(Database);
        Catalog = new PostgresCatalog(Database);
        Retained = _retained = new PostgresRetainedStore(Database, wrapped, TimeProvider.System);
        RuleQueue = _ruleQueue = new PostgresRuleQueue(Database, wrapped);
        Rules = new PostgresRuleStore(Database);
        Sessions = NewSessionStore();
    }

    public string Name { get; }
    public string? Server { get; }
    internal PostgresDatabase Database { get; }
    internal PostgresRecords Writer { get; }
    internal override IRecordStore Records => Writer;
    internal override IIndexTables Tables { get; }
    public override ICatalog Catalog { get; }
    public override IRetainedStore Retained { get; }
    public override IRuleQueue RuleQueue { get; }
    public override IRuleStore Rules { get; }
    public override ISessionStore Sessions { get; }

    public override ISessionStore NewSessionStore()
    {
        var store = new PostgresSessionStore(Database);
        _sessions.Add(store);
        return store;
    }

    public override object? Scalar(string sql)
    {
        using var command = _plain.CreateCommand(sql);
        return command.ExecuteScalar() is { } value and not DBNull ? value : null;
    }

    public override string JsonMember(string name) => $"(state::jsonb ->> '{name}')::bigint";

    // A transaction that the writer's next one must wait for: it has the row that the readiness check writes.
    public override async Task<IAsyncDisposable> HoldWriter()
    {
        await Records.Probe(DateTimeOffset.UnixEpoch, default);
        var connection = await _plain.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("SELECT 1 FROM storage_probe FOR UPDATE", connection, transaction);
        await command.ExecuteScalarAsync();
        _ = Records.Probe(DateTimeOffset.UnixEpoch, default);
        // It has been sent when the server says that it waits.
        while (Scalar($"SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '{Name}' AND wait_event_type = 'Lock'") is 0L) await Task.Yield();
        return new Release(connection, transaction);
    }

    public override async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        await _retained.DisposeAsync();
        await _ruleQueue.DisposeAsync();
        foreach (var store in _sessions) await store.DisposeAsync();
        await Database.DisposeAsync();
        await _plain.DisposeAsync();
        await base.DisposeAsync();
        if (_ownsDatabase) PostgresServer.DropDatabase(Name, Server);
    }

    private sealed class Release(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await transaction.CommitAsync();
            await connection.DisposeAsync();
        }
    }
}
