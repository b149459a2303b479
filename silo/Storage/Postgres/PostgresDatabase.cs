using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>The PostgreSQL database: brings its schema up to date once, then hands out connections.</summary>
internal sealed class PostgresDatabase : IAsyncDisposable
{
    public static readonly SchemaMigrations Migrations = new("postgres");

    // "Fleet" and a number: keys of advisory locks, which all programs on a database share.
    private const long RecordsLock = 0x46_6C65_6574_0001;
    private const long MigrationLock = 0x46_6C65_6574_0002;

    /// <summary>
    /// How long a start waits for the last process to let go of the database: the server notices the end of a killed one
    /// when it next talks to it.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _connectionString;
    private NpgsqlConnection? _firstWriter;

    /// <exception cref="StartupException">
    /// There is no such database, its schema is newer than this program, or it belongs to another process.
    /// </exception>
    public PostgresDatabase(IOptions<StorageOptions> options, TimeProvider clock, DatabaseUse use)
    {
        Use = use;
        try
        {
            _connectionString = Complete(options.Value);
            Source = NpgsqlDataSource.Create(_connectionString);
            using (var connection = Source.OpenConnection()) Migrate(connection, clock);
            if (use is DatabaseUse.WithoutRecords) return;
            MustHoldStatesOf(options.Value.Provider);
            _firstWriter = OpenFirstWriter();
        }
        catch (Exception e) when (e is NpgsqlException or ArgumentException or TimeoutException)
        {
            Source?.Dispose();
            throw new StartupException(
                $"The PostgreSQL database of {StorageOptions.Section}:ConnectionString cannot be used: {e.Message}", e);
        }
    }

    public DatabaseUse Use { get; }

    /// <summary>A pool of connections, for all but the record writer.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>
    /// For the one who writes grain records: a connection of its own that holds the lock on them, alone or with the other silos of the
    /// cluster. When the connection is lost, so is the lock, and the next connection must win it again.
    /// </summary>
    /// <exception cref="StorageException">
    /// A process that shares with nobody, or a cluster, has taken the database in the meantime.
    /// </exception>
    public async Task<NpgsqlConnection> OpenWriter(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _firstWriter, null) is { } first) return first;
        var connection = new NpgsqlConnection(WriterConnectionString());
        try
        {
            await connection.OpenAsync(cancellation);
            if (!Lock(connection)) throw new StorageException(InUse(connection));
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_firstWriter is not null) await _firstWriter.DisposeAsync();
        await Source.DisposeAsync();
    }

    private static string Complete(StorageOptions options)
    {
        var builder = new NpgsqlConnectionStringBuilder(options.ConnectionString);
        if (string.IsNullOrEmpty(builder.ApplicationName)) builder.ApplicationName = "Fleet";
        // Npgsql's defaults are for one client; a server takes 100 unless it is told otherwise, and this may be one silo of several.
        if (builder.MaxPoolSize == 100) builder.MaxPoolSize = 20;
        if (builder.MaxAutoPrepare == 0) builder.MaxAutoPrepare = 100;
        // Joins here are of some rows with a table that has them by key, whatever the planner guesses; and no query runs
        // long enough to be compiled.
        builder.Options += " -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";
        builder.AutoPrepareMinUsages = 2;
        builder.CommandTimeout = options.CommandTimeoutSeconds;
        if (builder.Timeout == 15) builder.Timeout = 5;
        return builder.ConnectionString;
    }

    /// <summary>Grains would begin anew beside the states that the other provider has stored.</summary>
    private void MustHoldStatesOf(string provider)
    {
        using var connection = Source.OpenConnection();
        bool isAdoNet = provider is StorageOptions.AdoNet;
        // With adonet, grain_state holds what the index belongs to, and no state.
        string others = isAdoNet ? "SELECT 1 FROM grain_state WHERE type NOT LIKE 'index-of:%'" : "SELECT 1 FROM OrleansStorage";
        if (!(bool)Scalar(connection, $"SELECT EXISTS ({others})")!) return;
        throw new StartupException(
            $"The database '{connection.Database}' holds grain states of "
            + $"{StorageOptions.Section}:Provider={(isAdoNet ? StorageOptions.Postgres : StorageOptions.AdoNet)}, "
            + $"and this process is set to {provider}. States do not move between the two: all processes use the one that the database "
            + "began with.");
    }

    private static void Migrate(NpgsqlConnection connection, TimeProvider clock)
    {
        // Two that start together: the second waits here, and then finds nothing to do.
        Execute(connection, $"SELECT pg_advisory_lock({MigrationLock})");
        try
        {
            Execute(connection, "SET client_min_messages = warning");
            Execute(
                connection,
                "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL PRIMARY KEY, applied_at timestamptz NOT NULL)");
            int current = (int)Scalar(connection, "SELECT COALESCE(MAX(version), 0) FROM schema_version")!;
            foreach (var step in Migrations.After(current)) Apply(connection, step, clock);
        }
        finally
        {
            Execute(connection, $"SELECT pg_advisory_unlock({MigrationLock})");
        }
    }

    private static void Apply(NpgsqlConnection connection, SchemaMigrations.Step step, TimeProvider clock)
    {
        using var transaction = connection.BeginTransaction();
        Execute(connection, step.Sql);
        using (var note = new NpgsqlCommand("INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)", connection))
        {
            note.Parameters.Add(new NpgsqlParameter<int> { TypedValue = step.Version });
            note.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = clock.GetUtcNow().UtcDateTime });
            note.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    private NpgsqlConnection OpenFirstWriter()
    {
        var connection = new NpgsqlConnection(WriterConnectionString());
        try
        {
            connection.Open();
            long start = Stopwatch.GetTimestamp();
            while (!Lock(connection))
            {
                if (Stopwatch.GetElapsedTime(start) > Patience) throw new StartupException(InUse(connection));
                Execute(connection, "SELECT pg_sleep(0.1)");
            }
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Two processes that are each alone would both run every grain. The processes of a cluster share the lock among them: membership keeps
    /// them from that.
    /// </summary>
    private bool Lock(NpgsqlConnection connection) =>
        (bool)Scalar(
            connection, $"SELECT {(Use is DatabaseUse.Sole ? "pg_try_advisory_lock" : "pg_try_advisory_lock_shared")}({RecordsLock})")!;

    private string InUse(NpgsqlConnection connection)
    {
        // A lock that can be shared is shared by a cluster.
        bool byCluster = Use is DatabaseUse.Sole && (bool)Scalar(connection, $"SELECT pg_try_advisory_lock_shared({RecordsLock})")!;
        return byCluster
            ? $"The database '{connection.Database}' is in use by the silos of a cluster. "
                + "Stop them, or join them (Fleet:Cluster:Enabled=true)."
            : $"The database '{connection.Database}' is in use by a process that shares it with nobody. "
                + "Stop it, or make both a cluster (Fleet:Cluster:Enabled=true).";
    }

    /// <summary>
    /// The writer's statements look up rows by their keys, whatever the statistics of a new or fast-growing table say; and their plans do
    /// not depend on how many rows come.
    /// </summary>
    private string WriterConnectionString()
    {
        var builder = new NpgsqlConnectionStringBuilder(_connectionString) { Pooling = false };
        builder.Options += " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off";
        return builder.ConnectionString;
    }

    private static void Execute(NpgsqlConnection connection, string sql)
    {
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    private static object? Scalar(NpgsqlConnection connection, string sql)
    {
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }
}
