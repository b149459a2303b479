using System.Data.Common;
using System.Text;
using Fleet.Gateway.Journal;

namespace Fleet.Silo.Storage;

/// <summary>
/// Stored sessions as either database reads them: the tables have the same columns, and only instants are kept in different ways.
/// </summary>
/// <param name="readInstant">Of a column that is not null.</param>
internal sealed class SessionReader(Func<DbDataReader, int, DateTimeOffset> readInstant)
{
    /// <summary>Sessions of an owner, $1, whose clients have newer ones at another.</summary>
    public const string Superseded =
        "SELECT s.key, n.epoch FROM sessions s JOIN sessions n ON n.key = s.key AND n.epoch > s.epoch AND n.owner <> s.owner "
        + "WHERE s.owner = $1";

    /// <param name="ids">A query for the sessions' ids.</param>
    public static string Sessions(string ids) =>
        "SELECT id, key, epoch, kind, client_id, session_id, remote_address, thing, certificate, operator, template, expiry_seconds, "
        + "disconnected_at, maybe_sent, will, gateway, "
        + "(SELECT o.gateway FROM session_owners o WHERE o.number = left_by AND NOT o.buried) "
        + $"FROM sessions WHERE id IN ({ids}) ORDER BY id";

    /// <summary>Sessions pass to another owner, $1. Who left them stands, for as long as its fail-over goes on.</summary>
    /// <param name="owners">A query for the numbers of those whose they are.</param>
    public static string PassOn(string owners) =>
        "UPDATE sessions SET owner = $1, left_by = "
        + "CASE WHEN left_by IN (SELECT number FROM session_owners WHERE NOT buried) THEN left_by ELSE owner END "
        + $"WHERE owner IN ({owners})";

    public static string Subscriptions(string ids) =>
        $"SELECT session, filter, options, identifier, owes_retained FROM session_subscriptions WHERE session IN ({ids})";

    public static string Messages(string ids) =>
        "SELECT id, topic, payload, qos, retain, properties, expires_at FROM session_messages "
        + $"WHERE id IN (SELECT message FROM session_deliveries WHERE session IN ({ids}))";

    public static string Deliveries(string ids) =>
        $"SELECT session, number, message, qos, retain, packet_id, identifiers, share FROM session_deliveries WHERE session IN ({ids}) "
        + "ORDER BY session, number";

    public static string Received(string ids) => $"SELECT session, packet_id FROM session_received WHERE session IN ({ids})";

    public SessionRow Session(DbDataReader row) => new()
    {
        Id = row.GetInt64(0),
        Key = row.GetString(1),
        Epoch = new(row.GetInt64(2)),
        Kind = row.GetString(3),
        ClientId = row.GetString(4),
        ConnectionId = row.GetString(5),
        RemoteAddress = row.GetString(6),
        Thing = Text(row, 7),
        Certificate = Text(row, 8),
        Operator = Text(row, 9),
        Template = Text(row, 10),
        ExpirySeconds = (uint)row.GetInt64(11),
        DisconnectedAt = Instant(row, 12),
        MaybeSent = row.GetInt32(13),
        Will = Text(row, 14),
        Gateway = Text(row, 15),
        LeftBy = Text(row, 16),
    };

    public static SubscriptionRow Subscription(DbDataReader row) =>
        new(row.GetInt64(0), row.GetString(1), (byte)row.GetInt16(2), (uint)row.GetInt64(3), row.GetBoolean(4));

    public MessageRow Message(DbDataReader row) => new(
        row.GetInt64(0), Encoding.UTF8.GetBytes(row.GetString(1)), (byte[])row.GetValue(2), (byte)row.GetInt16(3), row.GetBoolean(4),
        (byte[])row.GetValue(5), Instant(row, 6));

    public static DeliveryRow Delivery(DbDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), (byte)row.GetInt16(3), row.GetBoolean(4), (ushort)row.GetInt32(5),
        (byte[])row.GetValue(6), Text(row, 7));

    public static ReceivedRow PacketId(DbDataReader row) => new(row.GetInt64(0), (ushort)row.GetInt32(1));

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private DateTimeOffset? Instant(DbDataReader row, int column) => row.IsDBNull(column) ? null : readInstant(row, column);
}
