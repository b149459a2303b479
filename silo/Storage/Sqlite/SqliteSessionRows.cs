using Fleet.Gateway.Journal;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Writes a batch of session changes, each with a prepared statement. May run twice.</summary>
internal static class SqliteSessionRows
{
    private const string PutSession = """
        INSERT INTO sessions (id, owner, key, epoch, kind, client_id, session_id, remote_address, thing, certificate, operator, template,
            expiry_seconds,
            disconnected_at, maybe_sent, will, gateway)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        ON CONFLICT (id) DO UPDATE SET owner = $2, epoch = $4, session_id = $7, remote_address = $8, certificate = $10,
            expiry_seconds = $13,
            disconnected_at = $14, maybe_sent = $15, will = $16, gateway = $17
        """;
    private const string PutSubscription = """
        INSERT INTO session_subscriptions (session, filter, options, identifier, owes_retained) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (session, filter) DO UPDATE SET options = ?3, identifier = ?4, owes_retained = ?5
        """;
    private const string PutMessage =
        "INSERT INTO session_messages (id, topic, payload, qos, retain, properties, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        + "ON CONFLICT DO NOTHING";
    private const string PutDelivery =
        "INSERT INTO session_deliveries (session, number, message, qos, retain, packet_id, identifiers, share) "
        + "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

    private const string PutMark =
        "INSERT INTO session_marks (owner, sender, number) VALUES ($1, $2, $3) ON CONFLICT (owner, sender) DO UPDATE SET number = $3";

    public static void Write(SqliteSession session, long owner, SessionBatch batch)
    {
        foreach (long id in batch.RemovedSessions) Remove(session, id);
        foreach (var row in batch.Sessions) Put(session, owner, row);
        foreach (var (id, filter) in batch.RemovedSubscriptions)
        {
            var statement = session.Statement("DELETE FROM session_subscriptions WHERE session = ?1 AND filter = ?2");
            statement.Bind(1, id);
            statement.Bind(2, filter);
            statement.Execute();
        }
        foreach (var row in batch.Subscriptions) Put(session, row);
        foreach (var key in batch.RemovedDeliveries)
            Run(session, "DELETE FROM session_deliveries WHERE session = ?1 AND number = ?2", key.Session, key.Number);
        foreach (var key in batch.ReleasedDeliveries)
            Run(session, "UPDATE session_deliveries SET message = 0 WHERE session = ?1 AND number = ?2", key.Session, key.Number);
        foreach (var (key, packetId) in batch.IdentifiedDeliveries)
        {
            var statement = session.Statement("UPDATE session_deliveries SET packet_id = ?3 WHERE session = ?1 AND number = ?2");
            statement.Bind(1, key.Session);
            statement.Bind(2, key.Number);
            statement.Bind(3, packetId);
            statement.Execute();
        }
        foreach (long id in batch.RemovedMessages) Run(session, "DELETE FROM session_messages WHERE id = ?1", id);
        foreach (var row in batch.Messages) Put(session, row);
        foreach (var row in batch.Deliveries) Put(session, row);
        foreach (var row in batch.RemovedReceived)
            Run(session, "DELETE FROM session_received WHERE session = ?1 AND packet_id = ?2", row.Session, row.PacketId);
        foreach (var row in batch.Received)
            Run(
                session, "INSERT INTO session_received (session, packet_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING", row.Session,
                row.PacketId);
        foreach (var mark in batch.Marks) session.Execute(PutMark, owner, mark.Sender, mark.Number);
    }

    public static void Remove(SqliteSession session, long id)
    {
        Run(session, "DELETE FROM sessions WHERE id = ?1", id);
        Run(session, "DELETE FROM session_subscriptions WHERE session = ?1", id);
        Run(session, "DELETE FROM session_deliveries WHERE session = ?1", id);
        Run(session, "DELETE FROM session_received WHERE session = ?1", id);
    }

    private static void Put(SqliteSession session, long owner, SessionRow row) => session.Execute(
        PutSession, row.Id, owner, row.Key, row.Epoch.Value, row.Kind, row.ClientId, row.ConnectionId, row.RemoteAddress, row.Thing,
        row.Certificate, row.Operator, row.Template,
        (long)row.ExpirySeconds, SqlTime.Format(row.DisconnectedAt), row.MaybeSent, row.Will, row.Gateway);

    private static void Put(SqliteSession session, in SubscriptionRow row)
    {
        var statement = session.Statement(PutSubscription);
        statement.Bind(1, row.Session);
        statement.Bind(2, row.Filter);
        statement.Bind(3, row.Options);
        statement.Bind(4, row.Identifier);
        statement.Bind(5, row.OwesRetained ? 1 : 0);
        statement.Execute();
    }

    private static void Put(SqliteSession session, in MessageRow row)
    {
        var statement = session.Statement(PutMessage);
        statement.Bind(1, row.Id);
        statement.Bind(2, row.Topic.Span);
        statement.BindBlob(3, row.Payload.Span);
        statement.Bind(4, row.Qos);
        statement.Bind(5, row.Retain ? 1 : 0);
        statement.BindBlob(6, row.Properties.Span);
        if (row.ExpiresAt is { } at) statement.Bind(7, SqlTime.Format(at));
        else statement.BindNull(7);
        statement.Execute();
    }

    private static void Put(SqliteSession session, in DeliveryRow row)
    {
        var statement = session.Statement(PutDelivery);
        statement.Bind(1, row.Session);
        statement.Bind(2, row.Number);
        statement.Bind(3, row.Message);
        statement.Bind(4, row.Qos);
        statement.Bind(5, row.Retain ? 1 : 0);
        statement.Bind(6, row.PacketId);
        statement.BindBlob(7, row.Identifiers.Span);
        if (row.Share is { } share) statement.Bind(8, share);
        else statement.BindNull(8);
        statement.Execute();
    }

    private static void Run(SqliteSession session, string sql, long first, long? second = null)
    {
        var statement = session.Statement(sql);
        statement.Bind(1, first);
        if (second is { } value) statement.Bind(2, value);
        statement.Execute();
    }
}
