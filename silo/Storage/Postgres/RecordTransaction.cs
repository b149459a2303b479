using Npgsql;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Writes records and their index rows in one transaction and one round trip, and sets each write's outcome.</summary>
internal static class RecordTransaction
{
    /// <param name="writes">In the order of their keys, each key once.</param>
    public static async Task Run(NpgsqlConnection connection, IReadOnlyList<PendingRecord> writes, DateTimeOffset now)
    {
        await using var batch = new PostgresBatch(connection);
        List<PendingRecord> updates = [], inserts = [], deletes = [];
        foreach (var pending in writes)
        {
            if (pending.Write is not { } write) batch.Add(PostgresRecordSql.UpsertProbe, Now(now));
            else (write.State is null ? deletes : write.ETag is null ? inserts : updates).Add(pending);
        }
        if (updates.Count > 0)
            batch.Add(PostgresRecordSql.Update, Types(updates), Keys(updates), States(updates), Longs(updates, p => p.Next), Longs(updates, Expected), Now(now));
        if (inserts.Count > 0)
            batch.Add(PostgresRecordSql.Insert, Types(inserts), Keys(inserts), States(inserts), Longs(inserts, p => p.Next), Now(now));
        if (deletes.Count > 0) batch.Add(PostgresRecordSql.Delete, Types(deletes), Keys(deletes), Longs(deletes, Expected));
        IndexStatements.Add(batch, writes);

        // One result for each statement that returns rows, in their order.
        await using var results = await batch.Execute();
        if (updates.Count > 0) await ReadOutcomes(results, updates, p => p.Next);
        if (inserts.Count > 0) await ReadOutcomes(results, inserts, p => p.Next);
        if (deletes.Count > 0) await ReadOutcomes(results, deletes, Expected);
        // The commit's own answer comes last, after those of the index statements.
        while (await results.NextResultAsync()) { }
    }

    private static async Task ReadOutcomes(NpgsqlDataReader results, List<PendingRecord> writes, Func<PendingRecord, long> etag)
    {
        await results.ReadAsync();
        long[] won = await results.IsDBNullAsync(0) ? [] : results.GetFieldValue<long[]>(0);
        var winners = won.Length == writes.Count ? null : won.ToHashSet();
        foreach (var write in writes)
        {
            bool stored = winners is null || winners.Contains(etag(write));
            write.Outcome = stored ? RecordWritten.Stored(write.Write!.State is null ? 0 : write.Next) : RecordWritten.Conflict(null);
        }
        await results.NextResultAsync();
    }

    private static long Expected(PendingRecord pending) => pending.Write!.ETag!.Value;

    private static NpgsqlParameter Types(List<PendingRecord> rows) => Texts(rows, p => p.Write!.Type);

    private static NpgsqlParameter Keys(List<PendingRecord> rows) => Texts(rows, p => p.Write!.Key);

    private static NpgsqlParameter States(List<PendingRecord> rows) => Array(rows, p => p.Write!.State!, NpgsqlDbType.Text);

    private static NpgsqlParameter<DateTime> Now(DateTimeOffset now) => new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime };
}
