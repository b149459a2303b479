using Fleet.Grains.Index;
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
            batch.Add(
                PostgresRecordSql.Update, Types(updates), Keys(updates), States(updates), Longs(updates, p => p.Next),
                Longs(updates, Expected), Now(now));
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

/// <summary>The statements that make the fleet index and the catalog agree with the records of a transaction.</summary>
internal static class IndexStatements
{
    public static void Add(PostgresBatch batch, IReadOnlyList<PendingRecord> writes)
    {
        List<PendingRecord> devices = [], noDevices = [], listed = [], unlisted = [];
        foreach (var pending in writes)
        {
            if (pending.Write is not { Rows: var rows }) continue;
            if (rows.IsDevice) (rows.Device is null ? noDevices : devices).Add(pending);
            if (rows.IsCatalogued) (rows.Catalog is null ? unlisted : listed).Add(pending);
        }
        if (devices.Count > 0) AddDevices(batch, devices);
        if (noDevices.Count > 0)
            batch.Add(PostgresRecordSql.DeleteDevices, Texts(noDevices, Type), Texts(noDevices, Key), Longs(noDevices, ETag));
        if (listed.Count > 0) AddCatalog(batch, listed);
        if (unlisted.Count > 0)
            batch.Add(PostgresRecordSql.DeleteCatalog, Texts(unlisted, Type), Texts(unlisted, Key), Longs(unlisted, ETag));
    }

    private static void AddDevices(PostgresBatch batch, List<PendingRecord> devices) => batch.Add(
        PostgresRecordSql.PutDevices,
        Texts(devices, Type), Texts(devices, Key), Longs(devices, ETag), Array(devices, Attributes, NpgsqlDbType.Jsonb),
        Texts(devices, p => Row(p).Model.Value), Texts(devices, p => Row(p).Firmware?.Value),
        Texts(devices, p => Row(p).Firmware is { } version ? FirmwareOrder.Of(version) : null),
        Array(devices, p => Row(p).Healthy, NpgsqlDbType.Boolean), Texts(devices, p => ConnectivityNames.Of(Row(p).Connectivity)),
        Texts(devices, p => Row(p).Gateway), Array(devices, p => Row(p).LastSeenAt?.UtcDateTime, NpgsqlDbType.TimestampTz));

    private static void AddCatalog(PostgresBatch batch, List<PendingRecord> listed) => batch.Add(
        PostgresRecordSql.UpsertCatalog,
        Texts(listed, Type), Texts(listed, Key), Longs(listed, ETag), Texts(listed, p => Listed(p).Kind), Texts(listed, p => Listed(p).Key),
        Texts(listed, p => Listed(p).Status), Array(listed, p => Listed(p).CreatedAt.UtcDateTime, NpgsqlDbType.TimestampTz));

    private static string Type(PendingRecord pending) => pending.Write!.Type;

    private static string Key(PendingRecord pending) => pending.Write!.Key;

    private static long ETag(PendingRecord pending) => pending.Write!.State is null ? 0 : pending.Next;

    private static DeviceRow Row(PendingRecord pending) => pending.Write!.Rows.Device!;

    private static string Attributes(PendingRecord pending) => pending.Write!.Rows.Attributes!;

    private static CatalogRow Listed(PendingRecord pending) => pending.Write!.Rows.Catalog!;
}
