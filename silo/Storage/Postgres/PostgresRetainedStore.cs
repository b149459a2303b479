using System.Diagnostics;
using System.Runtime.CompilerServices;
using Fleet.Gateway.Retained;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Retained messages, in the table <c>retained_messages</c>. All gateways of a cluster write here.</summary>
internal sealed class PostgresRetainedStore : IRetainedStore, IAsyncDisposable
{
    /// <summary>25 MiB of the largest messages.</summary>
    private const int PageSize = 200;

    /// <summary>How long a deletion can be asked for.</summary>
    private static readonly TimeSpan TombstonesStand = TimeSpan.FromDays(1);

    // The row lock on the version is held to the end of the transaction: versions are committed in their order, so that whoever asks for
    // what came after one misses none before it.
    private const string Upsert = """
        WITH v AS (UPDATE retained_version SET version = version + cardinality($1) RETURNING version - cardinality($1) AS before)
        INSERT INTO retained_messages (topic, payload, qos, properties, stored_at, expires_at, version, principal)
        SELECT m.topic, m.payload, m.qos, m.properties, m.stored_at, m.expires_at, v.before + m.n, m.principal
        FROM v, unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS m (
            topic, payload, qos, properties, stored_at, expires_at, principal, n)
        ON CONFLICT (topic) DO UPDATE SET
            payload = EXCLUDED.payload, qos = EXCLUDED.qos, properties = EXCLUDED.properties, stored_at = EXCLUDED.stored_at,
            expires_at = EXCLUDED.expires_at, version = EXCLUDED.version, principal = EXCLUDED.principal
        RETURNING topic, version
        """;
    private const string Prune = "DELETE FROM retained_messages WHERE payload = ''::bytea AND stored_at < $1";
    private const string Select = """
        SELECT topic, payload, qos, properties, stored_at, expires_at, version, principal FROM retained_messages WHERE version > $1
            ORDER BY version LIMIT $2
        """;

    private readonly PostgresDatabase _database;
    private readonly TimeProvider _clock;
    private readonly WorkGroup<Change> _changes;
    private DateTimeOffset _pruneAt;

    public PostgresRetainedStore(PostgresDatabase database, IOptions<StorageOptions> options, TimeProvider clock)
    {
        (_database, _clock, _pruneAt) = (database, clock, clock.GetUtcNow());
        _changes = new(options.Value, (a, b) => string.CompareOrdinal(a.Message.Topic, b.Message.Topic), Commit, PostgresFaults.ConcernAll);
    }

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
        var change = new Change(message, cancellation);
        await _changes.Add(change, cancellation);
        return await change.Result;
    }

    public Task<long> Delete(string topic, CancellationToken cancellation) =>
        Set(new(topic, ReadOnlyMemory<byte>.Empty, 0, ReadOnlyMemory<byte>.Empty, _clock.GetUtcNow(), null), cancellation);

    public ValueTask DisposeAsync() => _changes.DisposeAsync();

    private async Task Commit(IReadOnlyList<Change> changes)
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var batch = new PostgresBatch(connection);
        if (_clock.GetUtcNow() is var now && now >= _pruneAt)
        {
            _pruneAt = now + TimeSpan.FromHours(1);
            batch.Add(Prune, new NpgsqlParameter<DateTime> { TypedValue = (now - TombstonesStand).UtcDateTime });
        }
        batch.Add(
            Upsert, Texts(changes, c => c.Message.Topic), Array(changes, c => c.Message.Payload.ToArray(), NpgsqlDbType.Bytea),
            Array(changes, c => (short)c.Message.Qos, NpgsqlDbType.Smallint),
            Array(changes, c => c.Message.Properties.ToArray(), NpgsqlDbType.Bytea),
            Array(changes, c => c.Message.StoredAt.UtcDateTime, NpgsqlDbType.TimestampTz),
            Array(changes, c => c.Message.ExpiresAt?.UtcDateTime, NpgsqlDbType.TimestampTz),
            Texts(changes, c => c.Message.Principal));
        await using var rows = await batch.Execute();
        var versions = new Dictionary<string, long>(changes.Count, StringComparer.Ordinal);
        while (await rows.ReadAsync()) versions.Add(rows.GetString(0), rows.GetInt64(1));
        // The commit's own answer comes last.
        if (await rows.NextResultAsync()) throw new UnreachableException();
        foreach (var change in changes) change.Outcome = versions[change.Message.Topic];
    }

    private async Task<List<RetainedMessage>> ReadPage(long after, CancellationToken cancellation)
    {
        await using var command = _database.Source.CreateCommand(Select);
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
                Principal = rows.IsDBNull(7) ? null : rows.GetString(7),
            });
        }
        return page;
    }

    private sealed class Change(RetainedMessage message, CancellationToken cancellation) : GroupedWork<long>(cancellation)
    {
        public RetainedMessage Message => message;
    }
}
