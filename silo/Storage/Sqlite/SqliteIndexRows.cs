using Fleet.Grains.Index;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Makes the fleet index and the catalog agree with a record, in the record's transaction.</summary>
internal static class SqliteIndexRows
{
    private const string SelectAttributes = "SELECT attributes FROM devices WHERE thing = $1";
    private const string UpsertDevice = """
        INSERT INTO devices (thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (thing) DO UPDATE SET
            model = $2, firmware = $3, firmware_order = $4, healthy = $5, connectivity = $6, gateway = $7, last_seen_at = $8, attributes = $9
        """;
    private const string DeleteDevice = "DELETE FROM devices WHERE thing = $1";
    private const string InsertAttribute = "INSERT INTO device_attributes (thing, name, value, number) VALUES ($1, $2, $3, $4)";
    private const string DeleteAttributes = "DELETE FROM device_attributes WHERE thing = $1";
    private const string UpsertCatalog = """
        INSERT INTO catalog (kind, key, status, created_at, type) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, key) DO UPDATE SET status = $3, created_at = $4
        """;
    private const string DeleteCatalog = "DELETE FROM catalog WHERE type = $1 AND key = $2";

    public static void Put(SqliteSession session, RecordWrite write)
    {
        if (write.Rows.IsDevice) PutDevice(session, write.Key, write.Rows);
        if (!write.Rows.IsCatalogued) return;
        if (write.Rows.Catalog is { } row) session.Execute(UpsertCatalog, row.Kind, row.Key, row.Status, SqlTime.Format(row.CreatedAt), write.Type);
        else session.Execute(DeleteCatalog, write.Type, write.Key);
    }

    private static void PutDevice(SqliteSession session, string thing, IndexRows rows)
    {
        // Attributes hardly ever change, connectivity all the time: their rows are touched only when they differ.
        var stored = (string?)session.Scalar(SelectAttributes, thing);
        if (stored != rows.Attributes)
        {
            session.Execute(DeleteAttributes, thing);
            if (rows.Device is { } changed)
            {
                foreach (var (name, value) in changed.Attributes) session.Execute(InsertAttribute, thing, name, value, AttributeNumber.Of(value));
            }
        }
        if (rows.Device is { } row)
        {
            session.Execute(
                UpsertDevice, thing, row.Model.Value, row.Firmware?.Value, row.Firmware is { } version ? FirmwareOrder.Of(version) : null, row.Healthy,
                ConnectivityNames.Of(row.Connectivity), row.Gateway, SqlTime.Format(row.LastSeenAt), rows.Attributes);
        }
        else if (stored is not null)
        {
            session.Execute(DeleteDevice, thing);
        }
    }
}
