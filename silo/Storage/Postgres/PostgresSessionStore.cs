using Fleet.Gateway.Durable;
using Npgsql;
using NpgsqlTypes;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Persistent sessions, in the tables <c>session_…</c>. All gateways of a cluster write here, each what is its own.</summary>
internal sealed class PostgresSessionStore(PostgresDatabase database) : ISessionStore, IAsyncDisposable
{
    /// <summary>Of the function <c>demand_session_owner</c>.</summary>
    private const string Fenced = "FL001";

    // Rows are looked up by their keys, whatever the statistics of a fast-growing table say.
    private const string PlanByKey = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";

    private readonly SemaphoreSlim _writing = new(1);
    private NpgsqlConnection? _writer;

    /// <summary>The embedded engine has the database for itself, so that the process's first gateway takes all that is there.</summary>
    private bool _takesAll = EngineStorage.OwnsDatabase;

    public async Task<long> Begin(string gatewayId, string? name, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        long owner = (long)(await Scalar(
            "INSERT INTO session_owners (gateway, name, fenced) VALUES ($1, $2, false) ON CONFLICT (gateway) DO UPDATE SET name = EXCLUDED.name RETURNING number",
            gatewayId, name))!;
        string left = $"number <> $1 AND ({_takesAll} OR name = $2)";
        await Scalar($"UPDATE session_owners SET fenced = true WHERE {left}", owner, name);
        await Scalar($"UPDATE sessions SET owner = $1 WHERE owner IN (SELECT number FROM session_owners WHERE fenced AND {left})", owner, name);
        await Scalar("DELETE FROM session_owners o WHERE fenced AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = o.number)");
        // Bodies that a session left behind when it was taken from its dead gateway alone.
        await Scalar("SET LOCAL enable_hashjoin = on");
        await Scalar("DELETE FROM session_messages m WHERE NOT EXISTS (SELECT 1 FROM session_deliveries d WHERE d.message = m.id)");
        await transaction.CommitAsync(cancellation);
        _takesAll = false;
        return owner;

        Task<object?> Scalar(string sql, params object?[] values) => PostgresSessionStore.Scalar(connection, sql, values, cancellation);
    }

    public async Task<StoredSessions> Load(long owner, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        return await PostgresSessionRows.Read(connection, "SELECT id FROM sessions WHERE owner = $1", owner, cancellation);
    }

    public async Task<bool> Write(long owner, SessionBatch batch, CancellationToken cancellation)
    {
        // One batch at a time: a journal has one writer, and this process one journal.
        await _writing.WaitAsync(cancellation);
        try
        {
            _writer ??= await OpenWriter(cancellation);
            await using var statements = new PostgresBatch(_writer);
            statements.Add("SELECT demand_session_owner($1)", new NpgsqlParameter<long> { TypedValue = owner });
            PostgresSessionRows.Write(statements, owner, batch);
            await using var done = await statements.Execute();
            while (await done.NextResultAsync(cancellation)) { }
            return true;
        }
        catch (PostgresException e) when (e.SqlState == Fenced)
        {
            return false;
        }
        catch (Exception e)
        {
            if (PostgresFaults.Spoil(_writer, e)) await CloseWriter();
            throw new StorageException($"The sessions were not stored: {e.Message}", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async Task<StoredSessions> Adopt(long owner, string deadGatewayId, string key, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        object? dead = await Scalar(
            connection, "UPDATE session_owners SET fenced = true WHERE gateway = $1 AND number <> $2 RETURNING number", [deadGatewayId, owner], cancellation);
        object? id = dead is null ? null : await Scalar(
            connection,
            """
            UPDATE sessions SET owner = $1
            WHERE owner = $3 AND id = (SELECT id FROM sessions WHERE key = $2 AND owner = $3 ORDER BY epoch DESC LIMIT 1) RETURNING id
            """,
            [owner, key, dead], cancellation);
        await transaction.CommitAsync(cancellation);
        return id is null ? new StoredSessions() : await PostgresSessionRows.Read(connection, "SELECT $1", (long)id, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseWriter();
        _writing.Dispose();
    }

    private async Task<NpgsqlConnection> OpenWriter(CancellationToken cancellation)
    {
        var connection = await database.Source.OpenConnectionAsync(cancellation);
        try
        {
            await using var command = new NpgsqlCommand(PlanByKey, connection);
            await command.ExecuteNonQueryAsync(cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task CloseWriter()
    {
        if (_writer is not null) await _writer.DisposeAsync();
        _writer = null;
    }

    private static async Task<object?> Scalar(NpgsqlConnection connection, string sql, object?[] values, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (object? value in values)
            command.Parameters.Add(value is long number ? new NpgsqlParameter<long> { TypedValue = number } : new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return await command.ExecuteScalarAsync(cancellation);
    }
}
