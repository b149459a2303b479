using Fleet.Gateway.Journal;
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

    /// <summary>
    /// Of two sessions of one client the newer is right: this one was left behind at a gateway that died, or was
    /// slow, when its client moved.
    /// </summary>
    private const string DropSuperseded = """
        WITH old AS (
            DELETE FROM sessions s WHERE owner = $1 AND EXISTS (SELECT 1 FROM sessions n WHERE n.key = s.key AND n.epoch > s.epoch)
            RETURNING id),
            unsubscribed AS (DELETE FROM session_subscriptions WHERE session IN (SELECT id FROM old)),
            received AS (DELETE FROM session_received WHERE session IN (SELECT id FROM old))
        DELETE FROM session_deliveries WHERE session IN (SELECT id FROM old)
        """;

    private readonly SemaphoreSlim _writing = new(1);
    private NpgsqlConnection? _writer;

    /// <summary>The first gateway of a process that has the database for itself takes all sessions that are there.</summary>
    private bool _takesAll = database.Use is DatabaseUse.Sole;

    public async Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        long owner = (long)(await Scalar(
            "INSERT INTO session_owners (gateway, name, fenced) VALUES ($1, $2, false) ON CONFLICT (gateway) DO UPDATE "
            + "SET name = EXCLUDED.name RETURNING number", gatewayId, name))!;
        await Scalar(
            $"UPDATE session_owners SET fenced = true, heir = $1 WHERE number <> $1 AND heir IS NULL AND ({_takesAll} OR name = $2)",
            owner, name);
        await Scalar(SessionReader.PassOn("SELECT number FROM session_owners WHERE heir = $1"), owner);
        await Scalar(DropSuperseded, owner);
        // Bodies that nobody is owed: of a session that was dropped, say.
        await Scalar("SET LOCAL enable_hashjoin = on");
        await Scalar("DELETE FROM session_messages m WHERE NOT EXISTS (SELECT 1 FROM session_deliveries d WHERE d.message = m.id)");
        var predecessors = await Rows(
            connection, "SELECT gateway FROM session_owners WHERE heir = $1 AND NOT buried", owner, row => row.GetString(0), cancellation);
        await transaction.CommitAsync(cancellation);
        _takesAll = false;
        return new OwningGateway(new(owner), predecessors);

        Task<object?> Scalar(string sql, params object?[] values) => PostgresSessionStore.Scalar(connection, sql, values, cancellation);
    }

    public async Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        return await PostgresSessionRows.Read(connection, "SELECT id FROM sessions WHERE owner = $1", owner.Value, cancellation);
    }

    public async Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation)
    {
        // One batch at a time: a journal has one writer, and this process one journal.
        await _writing.WaitAsync(cancellation);
        try
        {
            _writer ??= await OpenWriter(cancellation);
            await using var statements = new PostgresBatch(_writer);
            statements.Add("SELECT demand_session_owner($1)", new NpgsqlParameter<long> { TypedValue = owner.Value });
            PostgresSessionRows.Write(statements, owner.Value, batch);
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

    public async Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        try
        {
            await Scalar("SELECT demand_session_owner($1)", owner.Value);
        }
        catch (PostgresException e) when (e.SqlState == Fenced)
        {
            return null;
        }
        if (await Scalar("SELECT number FROM session_owners WHERE gateway = $1 FOR UPDATE", deadGatewayId) is not long dead)
            return new Inheritance();
        await Scalar("UPDATE session_owners SET fenced = true, heir = $1 WHERE number = $2 AND heir IS NULL", owner.Value, dead);
        await Scalar(DropSuperseded, dead);
        List<string> through = [];
        long successor = (long)(await Scalar("SELECT heir FROM session_owners WHERE number = $1", dead))!;
        while (successor != owner.Value)
        {
            through.Add((string)(await Scalar("SELECT gateway FROM session_owners WHERE number = $1", successor))!);
            object? next = await Scalar("SELECT heir FROM session_owners WHERE number = $1", successor);
            if (next is not long further)
            {
                await transaction.CommitAsync(cancellation);
                return new Inheritance { Successor = through[^1] };
            }
            successor = further;
        }
        await transaction.CommitAsync(cancellation);
        return new Inheritance
        {
            Through = through,
            Sessions = await PostgresSessionRows.Read(connection, "SELECT id FROM sessions WHERE owner = $1", dead, cancellation),
            Marks = await Rows(
                connection, "SELECT sender, number FROM session_marks WHERE owner = $1", dead,
                row => new LinkMark(row.GetString(0), row.GetInt64(1)), cancellation),
        };

        Task<object?> Scalar(string sql, params object?[] values) => PostgresSessionStore.Scalar(connection, sql, values, cancellation);
    }

    public async Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        try
        {
            await Scalar(connection, "SELECT demand_session_owner($1)", [owner.Value], cancellation);
        }
        catch (PostgresException e) when (e.SqlState == Fenced)
        {
            return false;
        }
        await Scalar(
            connection, SessionReader.PassOn("SELECT number FROM session_owners WHERE gateway = $2"), [owner.Value, deadGatewayId],
            cancellation);
        await transaction.CommitAsync(cancellation);
        return true;
    }

    public async Task CompleteFailover(string deadGatewayId, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await Scalar(
            "DELETE FROM session_marks WHERE sender = $1 OR owner = (SELECT number FROM session_owners WHERE gateway = $1)", deadGatewayId);
        await Scalar("UPDATE session_owners SET buried = true WHERE gateway = $1", deadGatewayId);
        await Scalar("DELETE FROM session_owners o WHERE buried AND NOT EXISTS (SELECT 1 FROM session_owners p WHERE p.heir = o.number)");
        await transaction.CommitAsync(cancellation);

        Task<object?> Scalar(string sql, params object?[] values) => PostgresSessionStore.Scalar(connection, sql, values, cancellation);
    }

    public async Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        return await Rows(
            connection, SessionReader.Superseded, owner.Value, row => new SupersededSession(row.GetString(0), new(row.GetInt64(1))),
            cancellation);
    }

    public async Task<string?> FindGateway(string key, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        return (string?)await Scalar(
            connection,
            "SELECT o.gateway FROM sessions s JOIN session_owners o ON o.number = s.owner WHERE s.key = $1 AND s.expiry_seconds > 0 "
            + "ORDER BY s.epoch DESC LIMIT 1", [key], cancellation);
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
            command.Parameters.Add(
                value is long number
                    ? new NpgsqlParameter<long> { TypedValue = number }
                    : new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return await command.ExecuteScalarAsync(cancellation);
    }

    private static async Task<List<T>> Rows<T>(
        NpgsqlConnection connection, string sql, long parameter, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = parameter });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        List<T> all = [];
        while (await rows.ReadAsync(cancellation)) all.Add(read(rows));
        return all;
    }
}
