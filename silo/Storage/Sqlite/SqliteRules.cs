using System.Diagnostics;
using Fleet.Gateway.Rules;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Microsoft.Data.Sqlite;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>The tables <c>rule_queues</c>, <c>rule_messages</c> and <c>rule_dead_letters</c>, as rules and operators use them.</summary>
internal sealed class SqliteRuleStore(GroupCommitWriter writer, SqliteReaders readers) : IRuleStore
{
    private const string DeadLetterColumns = "id, topic, client_id, content_type, payload, received_at, attempts, error, died_at";

    public Task Open(RuleName rule) =>
        writer.Write(session => session.Execute("INSERT INTO rule_queues (rule) VALUES ($1) ON CONFLICT DO NOTHING", rule.Value));

    public Task Drop(RuleName rule) => writer.Write(session =>
        session.Execute("DELETE FROM rule_queues WHERE rule = $1", rule.Value)
        + session.Execute("DELETE FROM rule_messages WHERE rule = $1", rule.Value)
        + session.Execute("DELETE FROM rule_dead_letters WHERE rule = $1", rule.Value));

    public Task<RuleBacklog?> GetBacklog(RuleName rule) => Task.FromResult(readers.Read(session => ReadBacklog(session, rule)));

    public Task<DueMessages> Fetch(RuleName rule, DateTimeOffset now, ImmutableHashSet<long> held, int limit) => readers.Scan(session =>
    {
        var messages = ImmutableArray.CreateBuilder<QueuedMessage>();
        // Those that are held are among the first: they are read again and passed over.
        using (var rows = session.Query("""
            SELECT sequence, id, topic, client_id, content_type, payload, received_at, queued_at, attempts FROM rule_messages
            WHERE rule = $1 AND due_at <= $2 ORDER BY due_at, sequence LIMIT $3
            """, rule.Value, SqlTime.Format(now), (long)limit + held.Count))
        {
            while (messages.Count < limit && rows.Read())
            {
                long sequence = rows.GetInt64(0);
                if (held.Contains(sequence)) continue;
                messages.Add(new(
                    sequence, rows.GetString(1), rows.GetString(2), PublisherColumn.ClientIdOf(Text(rows, 3)), Text(rows, 4),
                    (byte[])rows.GetValue(5), SqlTime.Parse(rows.GetString(6)), SqlTime.Parse(rows.GetString(7)), rows.GetInt32(8)));
            }
        }
        var next = messages.Count < limit
            ? (string?)session.Scalar(
                "SELECT MIN(due_at) FROM rule_messages WHERE rule = $1 AND due_at > $2", rule.Value, SqlTime.Format(now))
            : null;
        return new DueMessages(messages.DrainToImmutable(), next is null ? null : SqlTime.Parse(next));
    }, CancellationToken.None);

    public Task<RuleBacklog> Settle(RuleName rule, ImmutableArray<Settlement> settlements, DateTimeOffset now) => writer.Write(session =>
    {
        foreach (var settlement in settlements) Settle(session, rule, settlement, SqlTime.Format(now));
        return ReadBacklog(session, rule) ?? new RuleBacklog(0, 0, 0, 0, 0, null, null);
    });

    public Task<ImmutableArray<DeadLetter>> ListDeadLetters(RuleName rule, string? after, int limit) => readers.Scan(session =>
    {
        var list = ImmutableArray.CreateBuilder<DeadLetter>();
        using var rows = session.Query(
            $"SELECT {DeadLetterColumns} FROM rule_dead_letters WHERE rule = $1 AND id > $2 ORDER BY id LIMIT $3",
            rule.Value, after ?? "", (long)limit);
        while (rows.Read()) list.Add(ReadDeadLetter(rows));
        return list.DrainToImmutable();
    }, CancellationToken.None);

    public Task<DeadLetter?> GetDeadLetter(RuleName rule, string id) => Task.FromResult(readers.Read(session =>
    {
        using var rows = session.Query($"SELECT {DeadLetterColumns} FROM rule_dead_letters WHERE rule = $1 AND id = $2", rule.Value, id);
        return rows.Read() ? ReadDeadLetter(rows) : null;
    }));

    public Task<int> Replay(RuleName rule, string? id, int limit, DateTimeOffset now) => writer.Write(session =>
    {
        var chosen = Choose(session, rule, id, diedBefore: null, limit);
        foreach (var (letter, bytes) in chosen)
        {
            session.Execute("""
                INSERT INTO rule_messages (rule, id, topic, client_id, content_type, payload, received_at, queued_at, due_at, attempts,
                    last_error)
                SELECT rule, id, topic, client_id, content_type, payload, received_at, $3, $3, 0, error FROM rule_dead_letters
                WHERE rule = $1 AND id = $2
                """, rule.Value, letter, SqlTime.Format(now));
            Delete(session, rule, letter);
            session.Execute(
                "UPDATE rule_queues SET queued = queued + 1, queued_bytes = queued_bytes + $2, dead = dead - 1 WHERE rule = $1",
                rule.Value, bytes);
        }
        return chosen.Count;
    });

    public Task<int> Discard(RuleName rule, string? id, DateTimeOffset? diedBefore, int limit) => writer.Write(session =>
    {
        var chosen = Choose(session, rule, id, diedBefore, limit);
        foreach (var (letter, _) in chosen) Delete(session, rule, letter);
        session.Execute("UPDATE rule_queues SET dead = dead - $2 WHERE rule = $1", rule.Value, (long)chosen.Count);
        return chosen.Count;
    });

    private static void Settle(SqliteSession session, RuleName rule, Settlement settlement, string now)
    {
        switch (settlement)
        {
            case Settlement.Done done:
                if (Remove(session, rule, done.Sequence) is not { } doneBytes) return;
                session.Execute(
                    "UPDATE rule_queues SET queued = queued - 1, queued_bytes = queued_bytes - $2, delivered = delivered + 1 "
                    + "WHERE rule = $1",
                    rule.Value, doneBytes);
                break;
            case Settlement.Retry retry:
                session.Execute(
                    "UPDATE rule_messages SET attempts = $3, due_at = $4, last_error = $5 WHERE sequence = $2 AND rule = $1",
                    rule.Value, retry.Sequence, (long)retry.Attempts, SqlTime.Format(retry.DueAt), retry.Error);
                NoteError(session, rule, retry.Error, now);
                break;
            case Settlement.Dead dead:
                session.Execute("""
                    INSERT INTO rule_dead_letters (rule, id, topic, client_id, content_type, payload, received_at, attempts, error, died_at)
                    SELECT rule, id, topic, client_id, content_type, payload, received_at, $3, $4, $5 FROM rule_messages WHERE sequence = $2
                        AND rule = $1
                    """, rule.Value, dead.Sequence, (long)dead.Attempts, dead.Error, now);
                if (Remove(session, rule, dead.Sequence) is not { } deadBytes) return;
                session.Execute(
                    "UPDATE rule_queues SET queued = queued - 1, queued_bytes = queued_bytes - $2, dead = dead + 1, failed = failed + 1 "
                    + "WHERE rule = $1", rule.Value, deadBytes);
                NoteError(session, rule, dead.Error, now);
                break;
            default: throw new UnreachableException();
        }
    }

    /// <returns>Bytes of its payload; null if it was not there.</returns>
    private static long? Remove(SqliteSession session, RuleName rule, long sequence) =>
        (long?)session.Scalar(
            "DELETE FROM rule_messages WHERE sequence = $2 AND rule = $1 RETURNING length(payload)", rule.Value, sequence);

    private static void NoteError(SqliteSession session, RuleName rule, string error, string now) =>
        session.Execute("UPDATE rule_queues SET last_error = $2, last_error_at = $3 WHERE rule = $1", rule.Value, error, now);

    private static List<(string Id, long Bytes)> Choose(
        SqliteSession session, RuleName rule, string? id, DateTimeOffset? diedBefore, int limit)
    {
        List<(string, long)> chosen = [];
        using var rows = id is not null
            ? session.Query("SELECT id, length(payload) FROM rule_dead_letters WHERE rule = $1 AND id = $2", rule.Value, id)
            : diedBefore is { } before
                ? session.Query(
                    "SELECT id, length(payload) FROM rule_dead_letters WHERE rule = $1 AND died_at < $2 ORDER BY died_at LIMIT $3",
                    rule.Value, SqlTime.Format(before), (long)limit)
                : session.Query(
                    "SELECT id, length(payload) FROM rule_dead_letters WHERE rule = $1 ORDER BY id LIMIT $2", rule.Value, (long)limit);
        while (rows.Read()) chosen.Add((rows.GetString(0), rows.GetInt64(1)));
        return chosen;
    }

    private static void Delete(SqliteSession session, RuleName rule, string id) =>
        session.Execute("DELETE FROM rule_dead_letters WHERE rule = $1 AND id = $2", rule.Value, id);

    private static RuleBacklog? ReadBacklog(SqliteSession session, RuleName rule)
    {
        using var row = session.Query(
            "SELECT queued, queued_bytes, dead, delivered, failed, last_error, last_error_at FROM rule_queues WHERE rule = $1", rule.Value);
        return !row.Read() ? null : new(
            row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), Text(row, 5),
            row.IsDBNull(6) ? null : SqlTime.Parse(row.GetString(6)));
    }

    private static DeadLetter ReadDeadLetter(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), PublisherColumn.ClientIdOf(Text(row, 2)), Text(row, 3), (byte[])row.GetValue(4),
        SqlTime.Parse(row.GetString(5)), row.GetInt32(6), row.GetString(7), SqlTime.Parse(row.GetString(8)));

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}

/// <summary>Appends to the table <c>rule_messages</c>.</summary>
internal sealed class SqliteRuleQueue(GroupCommitWriter writer, SqliteReaders readers) : IRuleQueue
{
    private const string Count =
        "UPDATE rule_queues SET queued = queued + 1, queued_bytes = queued_bytes + $2 WHERE rule = $1 RETURNING queued, queued_bytes";
    private const string Insert = """
        INSERT INTO rule_messages (rule, id, topic, client_id, content_type, payload, received_at, queued_at, due_at, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, 0)
        """;
    private const string Holders = """
        SELECT substr(client_id, 1, instr(client_id || char(10), char(10)) - 1) AS publisher, SUM(MAX(length(payload), $2)) AS held
        FROM rule_messages WHERE rule = $1 AND client_id IS NOT NULL GROUP BY publisher HAVING held >= $3
        """;

    public Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation) => writer.Write<QueueFill?>(session =>
    {
        QueueFill fill;
        using (var row = session.Query(Count, message.Rule, (long)message.Payload.Length))
        {
            if (!row.Read()) return null;
            fill = new(row.GetInt64(0), row.GetInt64(1));
        }
        session.Execute(
            Insert, message.Rule, message.Id, message.Topic, PublisherColumn.Of(message), message.ContentType, message.Payload.ToArray(),
            SqlTime.Format(message.ReceivedAt));
        return fill;
    }, cancellation);

    public Task<QueueFill?> GetFill(string rule, CancellationToken cancellation) => Task.FromResult(readers.Read<QueueFill?>(session =>
    {
        using var row = session.Query("SELECT queued, queued_bytes FROM rule_queues WHERE rule = $1", rule);
        return row.Read() ? new(row.GetInt64(0), row.GetInt64(1)) : null;
    }));

    public Task<IReadOnlyList<PublisherFill>> GetHolders(
        string rule, long messageBytes, long atLeastBytes, CancellationToken cancellation) =>
        readers.Scan<IReadOnlyList<PublisherFill>>(session =>
        {
            List<PublisherFill> holders = [];
            using var rows = session.Query(Holders, rule, messageBytes, atLeastBytes);
            while (rows.Read()) holders.Add(new(rows.GetString(0), rows.GetInt64(1)));
            return holders;
        }, cancellation);
}
