using System.Diagnostics;
using Fleet.Gateway.Rules;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Appends to the table <c>rule_messages</c>. All gateways of a cluster write here.</summary>
internal sealed class PostgresRuleQueue : IRuleQueue, IAsyncDisposable
{
    // In one order, so that two gateways that append to the same queues do not wait for each other in a circle.
    private const string Lock = "SELECT rule FROM rule_queues WHERE rule = ANY($1) ORDER BY rule FOR UPDATE";
    private const string Insert = """
        INSERT INTO rule_messages (rule, id, topic, client_id, content_type, payload, received_at, queued_at, due_at, attempts)
        SELECT m.rule, m.id, m.topic, m.client_id, m.content_type, m.payload, m.received_at, m.received_at, m.received_at, 0
        FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS m (rule, id, topic, client_id, content_type, payload, received_at, n)
        JOIN rule_queues AS q ON q.rule = m.rule ORDER BY m.n
        """;
    private const string Count = """
        UPDATE rule_queues AS q SET queued = q.queued + c.messages, queued_bytes = q.queued_bytes + c.bytes
        FROM unnest($1, $2, $3) AS c (rule, messages, bytes) WHERE q.rule = c.rule RETURNING q.rule, q.queued, q.queued_bytes
        """;

    private const string Holders = """
        SELECT split_part(client_id, E'\n', 1) AS publisher, SUM(GREATEST(octet_length(payload), $2))::bigint
        FROM rule_messages WHERE rule = $1 AND client_id IS NOT NULL
        GROUP BY publisher HAVING SUM(GREATEST(octet_length(payload), $2)) >= $3
        """;

    private readonly PostgresDatabase _database;
    private readonly WorkGroup<Appended> _appended;

    public PostgresRuleQueue(PostgresDatabase database, IOptions<StorageOptions> options)
    {
        _database = database;
        _appended = new(options.Value, byKey: null, Commit, PostgresFaults.ConcernAll);
    }

    public async Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation)
    {
        var appended = new Appended(message, cancellation);
        await _appended.Add(appended, cancellation);
        return await appended.Result;
    }

    public async Task<QueueFill?> GetFill(string rule, CancellationToken cancellation)
    {
        await using var command = _database.Source.CreateCommand("SELECT queued, queued_bytes FROM rule_queues WHERE rule = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rule });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? new(row.GetInt64(0), row.GetInt64(1)) : null;
    }

    public async Task<IReadOnlyList<PublisherFill>> GetHolders(
        string rule, long messageBytes, long atLeastBytes, CancellationToken cancellation)
    {
        await using var command = _database.Source.CreateCommand(Holders);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rule });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = messageBytes });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = atLeastBytes });
        List<PublisherFill> holders = [];
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        while (await rows.ReadAsync(cancellation)) holders.Add(new(rows.GetString(0), rows.GetInt64(1)));
        return holders;
    }

    public ValueTask DisposeAsync() => _appended.DisposeAsync();

    private async Task Commit(IReadOnlyList<Appended> appended)
    {
        var rules = appended.GroupBy(a => a.Message.Rule, StringComparer.Ordinal).ToList();
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var batch = new PostgresBatch(connection);
        batch.Add(Lock, Texts(rules, r => r.Key));
        batch.Add(
            Insert, Texts(appended, a => a.Message.Rule), Texts(appended, a => a.Message.Id), Texts(appended, a => a.Message.Topic),
            Texts(appended, a => PublisherColumn.Of(a.Message)), Texts(appended, a => a.Message.ContentType),
            Array(appended, a => a.Message.Payload.ToArray(), NpgsqlDbType.Bytea),
            Array(appended, a => a.Message.ReceivedAt.UtcDateTime, NpgsqlDbType.TimestampTz));
        batch.Add(
            Count, Texts(rules, r => r.Key), Longs(rules, r => r.Count()), Longs(rules, r => r.Sum(a => (long)a.Message.Payload.Length)));
        await using var rows = await batch.Execute();
        while (await rows.ReadAsync())
        {
            // Which are there, the last statement says.
        }
        await rows.NextResultAsync();
        var fills = new Dictionary<string, QueueFill>(rules.Count, StringComparer.Ordinal);
        while (await rows.ReadAsync()) fills.Add(rows.GetString(0), new(rows.GetInt64(1), rows.GetInt64(2)));
        // The commit's own answer comes last.
        if (await rows.NextResultAsync()) throw new UnreachableException();
        foreach (var a in appended) a.Outcome = fills.TryGetValue(a.Message.Rule, out var fill) ? fill : null;
    }

    private sealed class Appended(RuleMessage message, CancellationToken cancellation) : GroupedWork<QueueFill?>(cancellation)
    {
        public RuleMessage Message => message;
    }
}
