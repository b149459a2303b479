using Fleet.Gateway.Durable;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Persistent sessions, in the tables <c>session_…</c>. The file belongs to one process, so its first gateway takes all that is there.</summary>
internal sealed class SqliteSessionStore(GroupCommitWriter writer, SqliteReaders readers) : ISessionStore
{
    private static readonly SessionReader Reader = new((row, column) => SqlTime.Parse(row.GetString(column)));

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
        Sessions = session.QueryOnce(SessionReader.Sessions(ids), [parameter], Reader.Session),
        Subscriptions = session.QueryOnce(SessionReader.Subscriptions(ids), [parameter], SessionReader.Subscription),
        Messages = session.QueryOnce(SessionReader.Messages(ids), [parameter], Reader.Message),
        Deliveries = session.QueryOnce(SessionReader.Deliveries(ids), [parameter], SessionReader.Delivery),
        Received = session.QueryOnce(SessionReader.Received(ids), [parameter], SessionReader.PacketId),
    };
}
