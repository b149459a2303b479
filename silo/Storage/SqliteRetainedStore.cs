using System.Runtime.CompilerServices;
using Fleet.Gateway.Retained;

namespace Fleet.Silo.Storage;

/// <summary>Retained messages, in the table <c>retained_messages</c>.</summary>
internal sealed class SqliteRetainedStore(GroupCommitWriter writer, SqliteReaders readers) : IRetainedStore
{
    private const int PageSize = 1_000;

    private long _version;

    // By pages, each a query of its own: whoever consumes slowly must not hold a snapshot open, which would keep the log from being reset.
    public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // The versions of this store are one process's own, which has seen all of them.
        if (afterVersion > 0) yield break;
        string after = "";
        while (await readers.Scan(session => ReadPage(session, after), cancellation) is { Count: > 0 } page)
        {
            foreach (var message in page) yield return message;
            after = page[^1].Topic;
        }
    }

    public async Task<long> Set(RetainedMessage message, CancellationToken cancellation)
    {
        await writer.Write(session => session.Execute(
            """
            INSERT INTO retained_messages (topic, payload, qos, properties, stored_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (topic) DO UPDATE SET payload = $2, qos = $3, properties = $4, stored_at = $5, expires_at = $6
            """,
            message.Topic, message.Payload.ToArray(), (long)message.Qos, message.Properties.ToArray(),
            SqlTime.Format(message.StoredAt), SqlTime.Format(message.ExpiresAt)), cancellation);
        return Interlocked.Increment(ref _version);
    }

    public async Task<long> Delete(string topic, CancellationToken cancellation)
    {
        await writer.Write(session => session.Execute("DELETE FROM retained_messages WHERE topic = $1", topic), cancellation);
        return Interlocked.Increment(ref _version);
    }

    private static List<RetainedMessage> ReadPage(SqliteSession session, string after)
    {
        List<RetainedMessage> page = [];
        using var rows = session.Query(
            "SELECT topic, payload, qos, properties, stored_at, expires_at FROM retained_messages WHERE topic > $1 ORDER BY topic LIMIT $2", after, PageSize);
        while (rows.Read())
        {
            page.Add(new(
                rows.GetString(0), (byte[])rows.GetValue(1), rows.GetByte(2), (byte[])rows.GetValue(3),
                SqlTime.Parse(rows.GetString(4)), rows.IsDBNull(5) ? null : SqlTime.Parse(rows.GetString(5))));
        }
        return page;
    }
}
