using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Npgsql;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>The tables <c>rule_queues</c>, <c>rule_messages</c> and <c>rule_dead_letters</c>, as rules and operators use them.</summary>
internal sealed class PostgresRuleStore(PostgresDatabase database) : IRuleStore
{
    // Before all else, in every transaction that counts: whoever has the queue's row has the queue.
    private const string Lock = "SELECT 1 FROM rule_queues WHERE rule = $1 FOR UPDATE";
    private const string Backlog =
        "SELECT queued, queued_bytes, dead, delivered, failed, last_error, last_error_at FROM rule_queues WHERE rule = $1";
    private const string DeadLetterColumns = "id, topic, client_id, content_type, payload, received_at, attempts, error, died_at";
    private const string SelectDue = """
        SELECT sequence, id, topic, client_id, content_type, payload, received_at, queued_at, attempts FROM rule_messages
        WHERE rule = $1 AND due_at <= $2 AND sequence <> ALL($3) ORDER BY due_at, sequence LIMIT $4
        """;
    private const string NextDue = "SELECT due_at FROM rule_messages WHERE rule = $1 AND due_at > $2 ORDER BY due_at LIMIT 1";
    private const string Done = """
        WITH gone AS (DELETE FROM rule_messages WHERE sequence = ANY($2) AND rule = $1 RETURNING octet_length(payload) AS bytes),
            counted AS (SELECT COUNT(*) AS messages, COALESCE(SUM(bytes), 0) AS bytes FROM gone)
        UPDATE rule_queues AS q SET queued = q.queued - c.messages, queued_bytes = q.queued_bytes - c.bytes,
            delivered = q.delivered + c.messages
        FROM counted AS c WHERE q.rule = $1
        """;
    private const string Retry = """
        UPDATE rule_messages AS m SET attempts = r.attempts, due_at = r.due_at, last_error = r.error
        FROM unnest($2, $3, $4, $5) AS r (sequence, attempts, due_at, error) WHERE m.sequence = r.sequence AND m.rule = $1
        """;
    private const string Dead = """
        WITH gone AS (DELETE FROM rule_messages WHERE sequence = ANY($2) AND rule = $1 RETURNING *),
            kept AS (
                INSERT INTO rule_dead_letters (rule, id, topic, client_id, content_type, payload, received_at, attempts, error, died_at)
                SELECT g.rule, g.id, g.topic, g.client_id, g.content_type, g.payload, g.received_at, d.attempts, d.error, $5
                FROM unnest($2, $3, $4) AS d (sequence, attempts, error) JOIN gone AS g ON g.sequence = d.sequence),
            counted AS (SELECT COUNT(*) AS messages, COALESCE(SUM(octet_length(payload)), 0) AS bytes FROM gone)
        UPDATE rule_queues AS q SET
            queued = q.queued - c.messages, queued_bytes = q.queued_bytes - c.bytes, dead = q.dead + c.messages,
                failed = q.failed + c.messages
        FROM counted AS c WHERE q.rule = $1
        """;
    private const string NoteError = "UPDATE rule_queues SET last_error = $2, last_error_at = $3 WHERE rule = $1";

    /// <summary>$2: one id, or null; $3: those that died before, or null; $4: how many at most.</summary>
    private const string Chosen = """
        DELETE FROM rule_dead_letters WHERE rule = $1 AND id IN (
            SELECT id FROM rule_dead_letters WHERE rule = $1 AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR died_at < $3) ORDER BY id
                LIMIT $4)
        """;
    private const string PutBack = $"""
        WITH gone AS ({Chosen} RETURNING *),
            put AS (
                INSERT INTO rule_messages (rule, id, topic, client_id, content_type, payload, received_at, queued_at, due_at, attempts,
                    last_error)
                SELECT rule, id, topic, client_id, content_type, payload, received_at, $5, $5, 0, error FROM gone ORDER BY id),
            counted AS (SELECT COUNT(*) AS messages, COALESCE(SUM(octet_length(payload)), 0) AS bytes FROM gone)
        UPDATE rule_queues AS q SET queued = q.queued + c.messages, queued_bytes = q.queued_bytes + c.bytes, dead = q.dead - c.messages
        FROM counted AS c WHERE q.rule = $1 RETURNING c.messages
        """;
    private const string DeleteChosen = $"""
        WITH gone AS ({Chosen} RETURNING 1), counted AS (SELECT COUNT(*) AS messages FROM gone)
        UPDATE rule_queues AS q SET dead = q.dead - c.messages FROM counted AS c WHERE q.rule = $1 RETURNING c.messages
        """;

    public Task Open(RuleName rule) => Run(("INSERT INTO rule_queues (rule) VALUES ($1) ON CONFLICT DO NOTHING", [Text(rule.Value)]));

    public Task Drop(RuleName rule) => Run(
        (Lock, [Text(rule.Value)]),
        ("DELETE FROM rule_messages WHERE rule = $1", [Text(rule.Value)]),
        ("DELETE FROM rule_dead_letters WHERE rule = $1", [Text(rule.Value)]),
        ("DELETE FROM rule_queues WHERE rule = $1", [Text(rule.Value)]));

    public async Task<RuleBacklog?> GetBacklog(RuleName rule) => (await Rows(Backlog, ReadBacklog, Text(rule.Value))).SingleOrDefault();

    public async Task<DueMessages> Fetch(RuleName rule, DateTimeOffset now, ImmutableHashSet<long> held, int limit)
    {
        var messages = await Rows(SelectDue, ReadMessage, Text(rule.Value), Time(now), Longs([.. held], s => s), Number(limit));
        var next = messages.Count < limit
            ? await Rows(NextDue, row => row.GetFieldValue<DateTimeOffset>(0), Text(rule.Value), Time(now)) : [];
        return new([.. messages], next.Count > 0 ? next[0] : null);
    }

    public async Task<RuleBacklog> Settle(RuleName rule, ImmutableArray<Settlement> settlements, DateTimeOffset now)
    {
        var name = rule.Value;
        var done = settlements.OfType<Settlement.Done>().ToList();
        var retries = settlements.OfType<Settlement.Retry>().ToList();
        var dead = settlements.OfType<Settlement.Dead>().ToList();
        List<(string, NpgsqlParameter[])> statements = [(Lock, [Text(name)])];
        if (done.Count > 0) statements.Add((Done, [Text(name), Longs(done, d => d.Sequence)]));
        if (retries.Count > 0)
        {
            statements.Add((Retry, [
                Text(name), Longs(retries, r => r.Sequence), Array(retries, r => r.Attempts, NpgsqlDbType.Integer),
                Array(retries, r => r.DueAt.UtcDateTime, NpgsqlDbType.TimestampTz), Texts(retries, r => r.Error)]));
        }
        if (dead.Count > 0)
        {
            statements.Add((Dead, [
                Text(name), Longs(dead, d => d.Sequence), Array(dead, d => d.Attempts, NpgsqlDbType.Integer), Texts(dead, d => d.Error),
                Time(now)]));
        }
        if ((dead.LastOrDefault()?.Error ?? retries.LastOrDefault()?.Error) is { } error)
            statements.Add((NoteError, [Text(name), Text(error), Time(now)]));
        await Run([.. statements]);
        return await GetBacklog(rule) ?? new RuleBacklog(0, 0, 0, 0, 0, null, null);
    }

    public async Task<ImmutableArray<DeadLetter>> ListDeadLetters(RuleName rule, string? after, int limit) =>
    [
        .. await Rows(
            $"SELECT {DeadLetterColumns} FROM rule_dead_letters WHERE rule = $1 AND id > $2 ORDER BY id LIMIT $3", ReadDeadLetter,
            Text(rule.Value), Text(after ?? ""), Number(limit)),
    ];

    public async Task<DeadLetter?> GetDeadLetter(RuleName rule, string id) => (await Rows(
        $"SELECT {DeadLetterColumns} FROM rule_dead_letters WHERE rule = $1 AND id = $2",
        ReadDeadLetter, Text(rule.Value), Text(id))).SingleOrDefault();

    public Task<int> Replay(RuleName rule, string? id, int limit, DateTimeOffset now) =>
        Change(PutBack, rule, Text(rule.Value), Text(id), Time(null), Number(limit), Time(now));

    public Task<int> Discard(RuleName rule, string? id, DateTimeOffset? diedBefore, int limit) =>
        Change(DeleteChosen, rule, Text(rule.Value), Text(id), Time(diedBefore), Number(limit));

    /// <returns>The number that the statement returns; 0 if it returns none.</returns>
    private async Task<int> Change(string sql, RuleName rule, params NpgsqlParameter[] parameters)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var batch = new PostgresBatch(connection);
        batch.Add(Lock, Text(rule.Value));
        batch.Add(sql, parameters);
        try
        {
            await using var rows = await batch.Execute();
            await rows.NextResultAsync();
            int changed = await rows.ReadAsync() ? (int)rows.GetInt64(0) : 0;
            // The commit's own answer comes last.
            while (await rows.NextResultAsync())
            {
                // There is none but that.
            }
            return changed;
        }
        catch (NpgsqlException e)
        {
            throw Failed(e);
        }
    }

    /// <summary>In one transaction.</summary>
    private async Task Run(params (string Sql, NpgsqlParameter[] Parameters)[] statements)
    {
        try
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            await using var batch = new PostgresBatch(connection);
            foreach (var (sql, parameters) in statements) batch.Add(sql, parameters);
            await using var rows = await batch.Execute();
            while (await rows.NextResultAsync())
            {
                // The commit's own answer comes last.
            }
        }
        catch (NpgsqlException e)
        {
            throw Failed(e);
        }
    }

    private async Task<List<T>> Rows<T>(string sql, Func<NpgsqlDataReader, T> read, params NpgsqlParameter[] parameters)
    {
        try
        {
            await using var command = database.Source.CreateCommand(sql);
            command.Parameters.AddRange(parameters);
            await using var rows = await command.ExecuteReaderAsync();
            List<T> list = [];
            while (await rows.ReadAsync()) list.Add(read(rows));
            return list;
        }
        catch (NpgsqlException e)
        {
            throw Failed(e);
        }
    }

    private static StorageException Failed(NpgsqlException e) => new($"The database did not answer with success: {e.Message}", e);

    private static NpgsqlParameter Text(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Time(DateTimeOffset? value) =>
        new() { Value = (object?)value?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    private static NpgsqlParameter<long> Number(long value) => new() { TypedValue = value };

    private static RuleBacklog ReadBacklog(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), TextAt(row, 5),
        row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6));

    private static QueuedMessage ReadMessage(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), PublisherColumn.ClientIdOf(TextAt(row, 3)), TextAt(row, 4),
        row.GetFieldValue<byte[]>(5), row.GetFieldValue<DateTimeOffset>(6), row.GetFieldValue<DateTimeOffset>(7), row.GetInt32(8));

    private static DeadLetter ReadDeadLetter(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetString(1), PublisherColumn.ClientIdOf(TextAt(row, 2)), TextAt(row, 3), row.GetFieldValue<byte[]>(4),
        row.GetFieldValue<DateTimeOffset>(5), row.GetInt32(6), row.GetString(7), row.GetFieldValue<DateTimeOffset>(8));

    private static string? TextAt(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
