using System.Data.Common;
using System.Text;
using Fleet.Gateway.Durable;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Persistent sessions, in the tables <c>session_…</c>. The file belongs to one process, so its first gateway takes all that is there.</summary>
internal sealed class SqliteSessionStore(GroupCommitWriter writer, SqliteReaders readers) : ISessionStore
{
    private bool _begun;

    public Task<long> Begin(string gatewayId, string? name, CancellationToken cancellation) => writer.Write(session =>
    {
        long owner = (long)session.Scalar(
            "INSERT INTO session_owners (gateway, name, fenced) VALUES ($1, $2, 0) ON CONFLICT (gateway) DO UPDATE SET name = $2 RETURNING number", gatewayId, name)!;
        session.Execute("UPDATE session_owners SET fenced = 1 WHERE number <> $1 AND ($2 OR name = $3)", owner, !_begun, name);
        session.Execute("UPDATE sessions SET owner = $1 WHERE owner IN (SELECT number FROM session_owners WHERE number <> $1 AND fenced AND ($2 OR name = $3))", owner, !_begun, name);
        session.Run("DELETE FROM session_owners WHERE fenced AND number NOT IN (SELECT owner FROM sessions)");
        // Bodies that a session left behind when it was taken from its dead gateway alone.
        session.Run("DELETE FROM session_messages WHERE id NOT IN (SELECT message FROM session_deliveries)");
        _begun = true;
        return owner;
    }, cancellation);

    public Task<StoredSessions> Load(long owner, CancellationToken cancellation) => readers.Scan(session =>
    {
        // One snapshot for all of it.
        session.Run("BEGIN");
        try
        {
            return Read(session, "SELECT id FROM sessions WHERE owner = $1", owner);
        }
        finally
        {
            session.Run("COMMIT");
        }
    }, cancellation);

    public Task<bool> Write(long owner, SessionBatch batch, CancellationToken cancellation) => writer.Write(session =>
    {
        if (session.Scalar("SELECT 1 FROM session_owners WHERE number = $1 AND fenced = 0", owner) is null) return false;
        SqliteSessionRows.Write(session, owner, batch);
        return true;
    }, cancellation);

    public async Task<StoredSessions> Adopt(long owner, string deadGatewayId, string key, CancellationToken cancellation)
    {
        object? id = await writer.Write(session =>
        {
            if (session.Scalar("UPDATE session_owners SET fenced = 1 WHERE gateway = $1 AND number <> $2 RETURNING number", deadGatewayId, owner) is not { } dead) return null;
            return session.Scalar(
                "UPDATE sessions SET owner = $1 WHERE id = (SELECT id FROM sessions WHERE key = $2 AND owner = $3 ORDER BY epoch DESC LIMIT 1) RETURNING id", owner, key, dead);
        }, cancellation);
        return id is null ? new StoredSessions() : await readers.Scan(session => Read(session, "SELECT $1", id), cancellation);
    }

    private static StoredSessions Read(SqliteSession session, string ids, object parameter) => new()
    {
        Sessions = session.QueryOnce($"SELECT {SessionColumns} FROM sessions WHERE id IN ({ids}) ORDER BY id", [parameter], ReadSession),
        Subscriptions = session.QueryOnce(
            $"SELECT session, filter, options, identifier FROM session_subscriptions WHERE session IN ({ids})", [parameter],
            row => new SubscriptionRow(row.GetInt64(0), row.GetString(1), row.GetByte(2), (uint)row.GetInt64(3))),
        Messages = session.QueryOnce(
            $"SELECT id, topic, payload, qos, retain, properties, expires_at FROM session_messages WHERE id IN (SELECT message FROM session_deliveries WHERE session IN ({ids}))",
            [parameter], ReadMessage),
        Deliveries = session.QueryOnce(
            $"SELECT session, number, message, qos, retain, packet_id, identifiers FROM session_deliveries WHERE session IN ({ids}) ORDER BY session, number", [parameter],
            row => new DeliveryRow(
                row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetByte(3), row.GetBoolean(4), (ushort)row.GetInt32(5), (byte[])row.GetValue(6))),
        Received = session.QueryOnce(
            $"SELECT session, packet_id FROM session_received WHERE session IN ({ids})", [parameter], row => new ReceivedRow(row.GetInt64(0), (ushort)row.GetInt32(1))),
    };

    private const string SessionColumns =
        "id, key, epoch, kind, client_id, session_id, remote_address, thing, certificate, operator, template, expiry_seconds, disconnected_at, maybe_sent, will, gateway";

    private static SessionRow ReadSession(DbDataReader row) => new()
    {
        Id = row.GetInt64(0),
        Key = row.GetString(1),
        Epoch = row.GetInt64(2),
        Kind = row.GetString(3),
        ClientId = row.GetString(4),
        SessionId = row.GetString(5),
        RemoteAddress = row.GetString(6),
        Thing = Text(row, 7),
        Certificate = Text(row, 8),
        Operator = Text(row, 9),
        Template = Text(row, 10),
        ExpirySeconds = (uint)row.GetInt64(11),
        DisconnectedAt = Text(row, 12) is { } at ? SqlTime.Parse(at) : null,
        MaybeSent = row.GetInt32(13),
        Will = Text(row, 14),
        Gateway = Text(row, 15),
    };

    private static MessageRow ReadMessage(DbDataReader row) => new(
        row.GetInt64(0), Encoding.UTF8.GetBytes(row.GetString(1)), (byte[])row.GetValue(2), row.GetByte(3), row.GetBoolean(4), (byte[])row.GetValue(5),
        Text(row, 6) is { } at ? SqlTime.Parse(at) : null);

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
