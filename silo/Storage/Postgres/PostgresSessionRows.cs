using System.Data.Common;
using System.Text;
using Fleet.Gateway.Journal;
using Npgsql;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Session changes as statements that take all their rows as arrays, and sessions as they are read.</summary>
internal static class PostgresSessionRows
{
    private static readonly SessionReader Reader = new((row, column) => row.GetFieldValue<DateTimeOffset>(column));

    private const string RemoveSessions = """
        WITH gone AS (DELETE FROM sessions WHERE id = ANY ($1)),
            unsubscribed AS (DELETE FROM session_subscriptions WHERE session = ANY ($1)),
            received AS (DELETE FROM session_received WHERE session = ANY ($1))
        DELETE FROM session_deliveries WHERE session = ANY ($1)
        """;
    private const string PutSessions = """
        INSERT INTO sessions (owner, id, key, epoch, kind, client_id, session_id, remote_address, thing, certificate, operator, template,
            expiry_seconds,
            disconnected_at, maybe_sent, will, gateway)
        SELECT $1, s.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) AS s
        ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner, epoch = EXCLUDED.epoch, session_id = EXCLUDED.session_id,
            remote_address = EXCLUDED.remote_address, certificate = EXCLUDED.certificate, expiry_seconds = EXCLUDED.expiry_seconds,
            disconnected_at = EXCLUDED.disconnected_at, maybe_sent = EXCLUDED.maybe_sent, will = EXCLUDED.will, gateway = EXCLUDED.gateway
        """;
    private const string RemoveSubscriptions =
        "DELETE FROM session_subscriptions s USING unnest($1, $2) AS k (session, filter) WHERE s.session = k.session "
        + "AND s.filter = k.filter";
    private const string PutSubscriptions = """
        INSERT INTO session_subscriptions (session, filter, options, identifier, owes_retained) SELECT * FROM unnest($1, $2, $3, $4, $5)
        ON CONFLICT (session, filter) DO UPDATE SET options = EXCLUDED.options, identifier = EXCLUDED.identifier,
            owes_retained = EXCLUDED.owes_retained
        """;
    private const string RemoveDeliveries =
        "DELETE FROM session_deliveries d USING unnest($1, $2) AS k (session, number) WHERE d.session = k.session AND d.number = k.number";
    private const string ReleaseDeliveries =
        "UPDATE session_deliveries d SET message = 0 FROM unnest($1, $2) AS k (session, number) WHERE d.session = k.session "
        + "AND d.number = k.number";
    private const string IdentifyDeliveries = """
        UPDATE session_deliveries d SET packet_id = k.packet_id FROM unnest($1, $2, $3) AS k (session, number, packet_id)
        WHERE d.session = k.session AND d.number = k.number
        """;
    private const string RemoveMessages = "DELETE FROM session_messages WHERE id = ANY ($1)";
    private const string PutMessages = """
        INSERT INTO session_messages (id, topic, payload, qos, retain, properties, expires_at) SELECT *
        FROM unnest($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING
        """;
    private const string PutDeliveries = """
        INSERT INTO session_deliveries (session, number, message, qos, retain, packet_id, identifiers, share) SELECT *
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING
        """;
    private const string RemoveReceived =
        "DELETE FROM session_received r USING unnest($1, $2) AS k (session, packet_id) WHERE r.session = k.session "
        + "AND r.packet_id = k.packet_id";
    private const string PutReceived =
        "INSERT INTO session_received (session, packet_id) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING";

    private const string PutMarks = """
        INSERT INTO session_marks (owner, sender, number) SELECT $1, m.* FROM unnest($2, $3) AS m
        ON CONFLICT (owner, sender) DO UPDATE SET number = EXCLUDED.number
        """;

    public static void Write(PostgresBatch statements, long owner, SessionBatch batch)
    {
        if (batch.RemovedSessions.Count > 0) statements.Add(RemoveSessions, Longs(batch.RemovedSessions, id => id));
        if (batch.Sessions is { Count: > 0 } sessions)
        {
            statements.Add(
                PutSessions, new NpgsqlParameter<long> { TypedValue = owner }, Longs(sessions, s => s.Id), Texts(sessions, s => s.Key),
                Longs(sessions, s => s.Epoch.Value), Texts(sessions, s => s.Kind), Texts(sessions, s => s.ClientId),
                Texts(sessions, s => s.ConnectionId), Texts(sessions, s => s.RemoteAddress), Texts(sessions, s => s.Thing),
                Texts(sessions, s => s.Certificate), Texts(sessions, s => s.Operator), Texts(sessions, s => s.Template),
                Longs(sessions, s => s.ExpirySeconds), Array(sessions, s => s.DisconnectedAt?.UtcDateTime, NpgsqlDbType.TimestampTz),
                Array(sessions, s => s.MaybeSent, NpgsqlDbType.Integer), Texts(sessions, s => s.Will), Texts(sessions, s => s.Gateway));
        }
        if (batch.RemovedSubscriptions is { Count: > 0 } unsubscribed)
            statements.Add(RemoveSubscriptions, Longs(unsubscribed, s => s.Session), Texts(unsubscribed, s => s.Filter));
        if (batch.Subscriptions is { Count: > 0 } subscribed)
        {
            statements.Add(
                PutSubscriptions, Longs(subscribed, s => s.Session), Texts(subscribed, s => s.Filter),
                Array(subscribed, s => (short)s.Options, NpgsqlDbType.Smallint), Longs(subscribed, s => s.Identifier),
                Array(subscribed, s => s.OwesRetained, NpgsqlDbType.Boolean));
        }
        if (batch.RemovedDeliveries is { Count: > 0 } finished)
            statements.Add(RemoveDeliveries, Longs(finished, d => d.Session), Longs(finished, d => d.Number));
        if (batch.ReleasedDeliveries is { Count: > 0 } released)
            statements.Add(ReleaseDeliveries, Longs(released, d => d.Session), Longs(released, d => d.Number));
        if (batch.IdentifiedDeliveries is { Count: > 0 } identified)
        {
            statements.Add(
                IdentifyDeliveries, Longs(identified, d => d.Delivery.Session), Longs(identified, d => d.Delivery.Number),
                Array(identified, d => (int)d.PacketId, NpgsqlDbType.Integer));
        }
        if (batch.RemovedMessages.Count > 0) statements.Add(RemoveMessages, Longs(batch.RemovedMessages, id => id));
        if (batch.Messages is { Count: > 0 } messages)
        {
            statements.Add(
                PutMessages, Longs(messages, m => m.Id), Texts(messages, m => Encoding.UTF8.GetString(m.Topic.Span)),
                Array(messages, m => m.Payload.ToArray(), NpgsqlDbType.Bytea), Array(messages, m => (short)m.Qos, NpgsqlDbType.Smallint),
                Array(messages, m => m.Retain, NpgsqlDbType.Boolean), Array(messages, m => m.Properties.ToArray(), NpgsqlDbType.Bytea),
                Array(messages, m => m.ExpiresAt?.UtcDateTime, NpgsqlDbType.TimestampTz));
        }
        if (batch.Deliveries is { Count: > 0 } owed)
        {
            statements.Add(
                PutDeliveries, Longs(owed, d => d.Session), Longs(owed, d => d.Number), Longs(owed, d => d.Message),
                Array(owed, d => (short)d.Qos, NpgsqlDbType.Smallint), Array(owed, d => d.Retain, NpgsqlDbType.Boolean),
                Array(owed, d => (int)d.PacketId, NpgsqlDbType.Integer), Array(owed, d => d.Identifiers.ToArray(), NpgsqlDbType.Bytea),
                Texts(owed, d => d.Share));
        }
        if (batch.RemovedReceived is { Count: > 0 } done)
            statements.Add(RemoveReceived, Longs(done, r => r.Session), Array(done, r => (int)r.PacketId, NpgsqlDbType.Integer));
        if (batch.Received is { Count: > 0 } received)
            statements.Add(PutReceived, Longs(received, r => r.Session), Array(received, r => (int)r.PacketId, NpgsqlDbType.Integer));
        if (batch.Marks is { Count: > 0 } marks)
            statements.Add(
                PutMarks, new NpgsqlParameter<long> { TypedValue = owner }, Texts(marks, m => m.Sender), Longs(marks, m => m.Number));
    }

    /// <param name="ids">A query for the sessions' ids, with <paramref name="parameter"/> as $1.</param>
    public static async Task<StoredSessions> Read(NpgsqlConnection connection, string ids, long parameter, CancellationToken cancellation)
    {
        return new StoredSessions
        {
            Sessions = await Rows(SessionReader.Sessions(ids), Reader.Session),
            Subscriptions = await Rows(SessionReader.Subscriptions(ids), SessionReader.Subscription),
            Messages = await Rows(SessionReader.Messages(ids), Reader.Message),
            Deliveries = await Rows(SessionReader.Deliveries(ids), SessionReader.Delivery),
            Received = await Rows(SessionReader.Received(ids), SessionReader.PacketId),
        };

        async Task<List<T>> Rows<T>(string sql, Func<DbDataReader, T> read)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = parameter });
            await using var rows = await command.ExecuteReaderAsync(cancellation);
            List<T> all = [];
            while (await rows.ReadAsync(cancellation)) all.Add(read(rows));
            return all;
        }
    }
}
