using System.Runtime.CompilerServices;
using Fleet.Gateway.Retained;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Retained messages, in the table <c>retained_messages</c>.</summary>
internal sealed class SqliteRetainedStore(GroupCommitWriter writer, SqliteReaders readers, TimeProvider clock) : IRetainedStore
{
    private const int PageSize = 1_000;

    /// <summary>A page ends with the message that brings it to so much.</summary>
    private const int PageBytes = 4 * 1024 * 1024;

    /// <summary>How long a deletion can be asked for.</summary>
    private static readonly TimeSpan TombstonesStand = TimeSpan.FromDays(1);

    private const string NextVersion = "UPDATE retained_version SET version = version + 1 RETURNING version";
    private const string Upsert = """
        INSERT INTO retained_messages (topic, payload, qos, properties, stored_at, expires_at, version, principal)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (topic) DO UPDATE SET
            payload = $2, qos = $3, properties = $4, stored_at = $5, expires_at = $6, version = $7, principal = $8
        """;
    private const string Prune = "DELETE FROM retained_messages WHERE payload = x'' AND stored_at < $1";

    // Written and read on the writer's thread.
    private DateTimeOffset _pruneAt = DateTimeOffset.MinValue;

    // By pages, each a query of its own: whoever consumes slowly must not hold a snapshot open, which would keep the log from being reset.
    public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long after = afterVersion;
        while (await readers.Scan(session => ReadPage(session, after), cancellation) is { Count: > 0 } page)
        {
            foreach (var message in page) yield return message;
            after = page[^1].Version;
        }
    }

    public Task<long> Set(RetainedMessage message, CancellationToken cancellation) =>
        writer.Write(session => Put(session, message), cancellation);

    public Task<long> Delete(string topic, CancellationToken cancellation) => writer.Write(session =>
    {
        var now = clock.GetUtcNow();
        if (now >= _pruneAt)
        {
            session.Execute(Prune, SqlTime.Format(now - TombstonesStand));
            _pruneAt = now + TimeSpan.FromHours(1);
        }
        return Put(session, new(topic, ReadOnlyMemory<byte>.Empty, 0, ReadOnlyMemory<byte>.Empty, now, null));
    }, cancellation);

    private static long Put(SqliteSession session, RetainedMessage message)
    {
        long version = (long)session.Scalar(NextVersion)!;
        session.Execute(
            Upsert, message.Topic, message.Payload.ToArray(), (long)message.Qos, message.Properties.ToArray(),
            SqlTime.Format(message.StoredAt), SqlTime.Format(message.ExpiresAt), version, message.Principal);
        return version;
    }

    private static List<RetainedMessage> ReadPage(SqliteSession session, long after)
    {
        List<RetainedMessage> page = [];
        long bytes = 0;
        using var rows = session.Query(
            "SELECT topic, payload, qos, properties, stored_at, expires_at, version, principal FROM retained_messages WHERE version > $1 "
            + "ORDER BY version LIMIT $2", after, PageSize);
        while (bytes < PageBytes && rows.Read())
        {
            page.Add(new(
                rows.GetString(0), (byte[])rows.GetValue(1), rows.GetByte(2), (byte[])rows.GetValue(3),
                SqlTime.Parse(rows.GetString(4)), rows.IsDBNull(5) ? null : SqlTime.Parse(rows.GetString(5)))
            {
                Version = rows.GetInt64(6),
                Principal = rows.IsDBNull(7) ? null : rows.GetString(7),
            });
            bytes += page[^1].Payload.Length;
        }
        return page;
    }
}
