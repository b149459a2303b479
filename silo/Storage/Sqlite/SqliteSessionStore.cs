using Fleet.Gateway.Journal;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Persistent sessions, in the tables <c>session_…</c>. The file belongs to one process, so its first gateway takes all that is there.
/// </summary>
internal sealed class SqliteSessionStore(GroupCommitWriter writer, SqliteReaders readers) : ISessionStore
{
    private static readonly SessionReader Reader = new((row, column) => SqlTime.Parse(row.GetString(column)));

    private bool _begun;

    public async Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation)
    {
        bool takesAll = !_begun;
        var owner = await writer.Write(session => Begin(session, gatewayId, name, takesAll), cancellation);
        // Known only now: the transaction may fail, or run twice.
        _begun = true;
        return owner;
    }

    public Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation) => readers.Scan(session =>
    {
        // One snapshot for all of it.
        session.Run("BEGIN");
        try
        {
            return Read(session, "SELECT id FROM sessions WHERE owner = $1", owner.Value);
        }
        finally
        {
            session.Run("COMMIT");
        }
    }, cancellation);

    public Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation) => writer.Write(session =>
    {
        if (!MayWrite(session, owner)) return false;
        SqliteSessionRows.Write(session, owner.Value, batch);
        return true;
    }, cancellation);

    public async Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
    {
        var (inheritance, left) = await writer.Write<(Inheritance?, long?)>(session =>
        {
            if (!MayWrite(session, owner)) return (null, null);
            if (session.Scalar("SELECT number FROM session_owners WHERE gateway = $1", deadGatewayId) is not long number)
                return (new Inheritance(), null);
            session.Execute("UPDATE session_owners SET fenced = 1, heir = $1 WHERE number = $2 AND heir IS NULL", owner.Value, number);
            DropSuperseded(session, number);
            return (SuccessorOf(session, number, owner.Value), number);
        }, cancellation);
        return inheritance is not { Successor: null } || left is not { } dead ? inheritance : await readers.Scan(session => inheritance with
        {
            Sessions = Read(session, "SELECT id FROM sessions WHERE owner = $1", dead),
            Marks = session.QueryOnce(
                "SELECT sender, number FROM session_marks WHERE owner = $1",
                [dead], row => new LinkMark(row.GetString(0), row.GetInt64(1))),
        }, cancellation);
    }

    public Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation) => writer.Write(session =>
    {
        if (!MayWrite(session, owner)) return false;
        session.Execute(SessionReader.PassOn("SELECT number FROM session_owners WHERE gateway = $2"), owner.Value, deadGatewayId);
        return true;
    }, cancellation);

    public Task CompleteFailover(string deadGatewayId, CancellationToken cancellation) => writer.Write(session =>
    {
        session.Execute(
            "DELETE FROM session_marks WHERE sender = $1 OR owner = (SELECT number FROM session_owners WHERE gateway = $1)", deadGatewayId);
        session.Execute("UPDATE session_owners SET buried = 1 WHERE gateway = $1", deadGatewayId);
        session.Run("DELETE FROM session_owners WHERE buried AND number NOT IN (SELECT heir FROM session_owners WHERE heir IS NOT NULL)");
        return true;
    }, cancellation);

    public Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation) =>
        readers.Scan<IReadOnlyList<SupersededSession>>(
            session => session.QueryOnce(
                SessionReader.Superseded, [owner.Value], row => new SupersededSession(row.GetString(0), new(row.GetInt64(1)))),
            cancellation);

    public Task<string?> FindGateway(string key, CancellationToken cancellation) =>
        Task.FromResult(readers.Read(session => (string?)session.Scalar(
        "SELECT o.gateway FROM sessions s JOIN session_owners o ON o.number = s.owner WHERE s.key = $1 AND s.expiry_seconds > 0 "
        + "ORDER BY s.epoch DESC LIMIT 1",
        key)));

    private static OwningGateway Begin(SqliteSession session, string gatewayId, string? name, bool takesAll)
    {
        long owner = (long)session.Scalar(
            "INSERT INTO session_owners (gateway, name, fenced) VALUES ($1, $2, 0) ON CONFLICT (gateway) DO UPDATE SET name = $2 "
            + "RETURNING number",
            gatewayId, name)!;
        session.Execute(
            "UPDATE session_owners SET fenced = 1, heir = $1 WHERE number <> $1 AND heir IS NULL AND ($2 OR name = $3)",
            owner, takesAll, name);
        session.Execute(SessionReader.PassOn("SELECT number FROM session_owners WHERE heir = $1"), owner);
        DropSuperseded(session, owner);
        // Bodies that nobody is owed: of a session that was dropped, say.
        session.Run("DELETE FROM session_messages WHERE id NOT IN (SELECT message FROM session_deliveries)");
        return new OwningGateway(
            new(owner),
            session.QueryOnce("SELECT gateway FROM session_owners WHERE heir = $1 AND NOT buried", [owner], row => row.GetString(0)));
    }

    private static bool MayWrite(SqliteSession session, OwnerNumber owner) =>
        session.Scalar("SELECT 1 FROM session_owners WHERE number = $1 AND fenced = 0", owner.Value) is not null;

    /// <summary>Follows the successors of an owner that has one.</summary>
    private static Inheritance SuccessorOf(SqliteSession session, long dead, long owner)
    {
        List<string> through = [];
        long successor = (long)session.Scalar("SELECT heir FROM session_owners WHERE number = $1", dead)!;
        while (successor != owner)
        {
            through.Add((string)session.Scalar("SELECT gateway FROM session_owners WHERE number = $1", successor)!);
            if (session.Scalar("SELECT heir FROM session_owners WHERE number = $1", successor) is not long next)
                return new Inheritance { Successor = through[^1] };
            successor = next;
        }
        return new Inheritance { Through = through };
    }

    /// <summary>
    /// Of two sessions of one client the newer is right: this one was left behind at a gateway that died, or was
    /// slow, when its client moved.
    /// </summary>
    private static void DropSuperseded(SqliteSession session, long owner)
    {
        foreach (long id in session.QueryOnce(
            "SELECT id FROM sessions s WHERE owner = $1 AND EXISTS (SELECT 1 FROM sessions n WHERE n.key = s.key AND n.epoch > s.epoch)",
            [owner], row => row.GetInt64(0)))
            SqliteSessionRows.Remove(session, id);
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
