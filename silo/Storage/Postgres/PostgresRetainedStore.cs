using System.Runtime.CompilerServices;
using Fleet.Gateway.Retained;
using Npgsql;
using NpgsqlTypes;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Retained messages, in the table <c>retained_messages</c>. All gateways of a cluster write here.</summary>
internal sealed class PostgresRetainedStore(PostgresDatabase database, TimeProvider clock) : IRetainedStore
{
    private const int PageSize = 1_000;

    // The row lock on the version is held to the end of the transaction: versions are committed in their order, so that whoever asks for what
    // came after one misses none before it.
    private const string Upsert = """
        WITH v AS (UPDATE retained_version SET version = version + 1 RETURNING version)
        INSERT INTO retained_messages (topic, payload, qos, properties, stored_at, expires_at, version)
        SELECT $1, $2, $3, $4, $5, $6, v.version FROM v
        ON CONFLICT (topic) DO UPDATE SET
            payload = EXCLUDED.payload, qos = EXCLUDED.qos, properties = EXCLUDED.properties, stored_at = EXCLUDED.stored_at,
            expires_at = EXCLUDED.expires_at, version = EXCLUDED.version
        RETURNING version
        """;
    private const string Prune = "DELETE FROM retained_messages WHERE payload = ''::bytea AND stored_at < $1";

    private const string Select = """
        SELECT topic, payload, qos, properties, stored_at, expires_at, version FROM retained_messages WHERE version > $1 ORDER BY version LIMIT $2
        """;

    private static readonly TimeSpan TombstonesStand = TimeSpan.FromDays(1);

    private DateTimeOffset _pruneAt = clock.GetUtcNow();

    public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long after = afterVersion;
        while (await ReadPage(after, cancellation) is { Count: > 0 } page)
        {
            foreach (var message in page) yield return message;
            after = page[^1].Version;
        }
    }

    public async Task<long> Set(RetainedMessage message, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(Upsert);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = message.Topic });
        command.Parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>> { TypedValue = message.Payload, NpgsqlDbType = NpgsqlDbType.Bytea });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = message.Qos });
        command.Parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>> { TypedValue = message.Properties, NpgsqlDbType = NpgsqlDbType.Bytea });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = message.StoredAt.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter { Value = message.ExpiresAt is { } at ? at.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        return await Run(async () => (long)(await command.ExecuteScalarAsync(cancellation))!);
    }

    public async Task<long> Delete(string topic, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (now >= _pruneAt)
        {
            _pruneAt = now + TimeSpan.FromHours(1);
            await using var prune = database.Source.CreateCommand(Prune);
            prune.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - TombstonesStand).UtcDateTime });
            await Run(() => prune.ExecuteNonQueryAsync(cancellation));
        }
        return await Set(new(topic, ReadOnlyMemory<byte>.Empty, 0, ReadOnlyMemory<byte>.Empty, now, null), cancellation);
    }

    private static async Task<T> Run<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new StorageException($"The retained message was not acknowledged: {e.Message}", e);
        }
    }

    private async Task<List<RetainedMessage>> ReadPage(long after, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(Select);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = after });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = PageSize });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        List<RetainedMessage> page = [];
        while (await rows.ReadAsync(cancellation))
        {
            page.Add(new(
                rows.GetString(0), rows.GetFieldValue<byte[]>(1), (byte)rows.GetInt16(2), rows.GetFieldValue<byte[]>(3),
                rows.GetFieldValue<DateTimeOffset>(4), rows.IsDBNull(5) ? null : rows.GetFieldValue<DateTimeOffset>(5))
            {
                Version = rows.GetInt64(6),
            });
        }
        return page;
    }
}
