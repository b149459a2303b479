using Fleet.Gateway.Rules;
using Fleet.Silo.Storage.Sqlite;

namespace Fleet.Silo.Storage.Rules;

/// <summary>Appends to the table <c>rule_messages</c>.</summary>
internal sealed class SqliteRuleQueue(GroupCommitWriter writer, SqliteReaders readers) : IRuleQueue
{
    private const string Count =
        "UPDATE rule_queues SET queued = queued + 1, queued_bytes = queued_bytes + $2 WHERE rule = $1 RETURNING queued, queued_bytes";
    private const string Insert = """
        INSERT INTO rule_messages (rule, id, topic, client_id, content_type, payload, received_at, queued_at, due_at, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, 0)
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
            Insert, message.Rule, message.Id, message.Topic, message.ClientId, message.ContentType, message.Payload.ToArray(), SqlTime.Format(message.ReceivedAt));
        return fill;
    }, cancellation);

    public Task<QueueFill?> GetFill(string rule, CancellationToken cancellation) => Task.FromResult(readers.Read<QueueFill?>(session =>
    {
        using var row = session.Query("SELECT queued, queued_bytes FROM rule_queues WHERE rule = $1", rule);
        return row.Read() ? new(row.GetInt64(0), row.GetInt64(1)) : null;
    }));
}
