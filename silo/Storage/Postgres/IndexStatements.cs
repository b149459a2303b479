using Fleet.Grains.Index;
using NpgsqlTypes;
using static Fleet.Silo.Storage.Postgres.PostgresBatch;

namespace Fleet.Silo.Storage.Postgres;

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
        if (noDevices.Count > 0) batch.Add(PostgresRecordSql.DeleteDevices, Texts(noDevices, Type), Texts(noDevices, Key), Longs(noDevices, ETag));
        if (listed.Count > 0) AddCatalog(batch, listed);
        if (unlisted.Count > 0) batch.Add(PostgresRecordSql.DeleteCatalog, Texts(unlisted, Type), Texts(unlisted, Key), Longs(unlisted, ETag));
    }

    private static void AddDevices(PostgresBatch batch, List<PendingRecord> devices)
    {
        foreach (string sql in (ReadOnlySpan<string>)[PostgresRecordSql.DeleteAttributes, PostgresRecordSql.InsertAttributes])
            batch.Add(sql, Texts(devices, Type), Texts(devices, Key), Longs(devices, ETag), Array(devices, Attributes, NpgsqlDbType.Jsonb));
        batch.Add(
            PostgresRecordSql.UpsertDevices,
            Texts(devices, Type), Texts(devices, Key), Longs(devices, ETag), Array(devices, Attributes, NpgsqlDbType.Jsonb),
            Texts(devices, p => Row(p).Model.Value), Texts(devices, p => Row(p).Firmware?.Value),
            Texts(devices, p => Row(p).Firmware is { } version ? FirmwareOrder.Of(version) : null), Array(devices, p => Row(p).Healthy, NpgsqlDbType.Boolean),
            Texts(devices, p => ConnectivityNames.Of(Row(p).Connectivity)), Texts(devices, p => Row(p).Gateway),
            Array(devices, p => Row(p).LastSeenAt?.UtcDateTime, NpgsqlDbType.TimestampTz));
    }

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
