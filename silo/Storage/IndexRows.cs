using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>What stands beside a record: its device's row in the fleet index, its row in the catalog, or neither.</summary>
internal readonly struct IndexRows
{
    private const string SelectDevice = "SELECT attributes FROM devices WHERE thing = $1";
    private const string UpsertDevice = """
        INSERT INTO devices (thing, model, firmware, healthy, connectivity, last_seen_at, attributes) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (thing) DO UPDATE SET model = $2, firmware = $3, healthy = $4, connectivity = $5, last_seen_at = $6, attributes = $7
        """;
    private const string DeleteDevice = "DELETE FROM devices WHERE thing = $1";
    private const string InsertAttribute = "INSERT INTO device_attributes (name, value, thing) VALUES ($1, $2, $3)";
    private const string DeleteAttribute = "DELETE FROM device_attributes WHERE name = $1 AND value = $2 AND thing = $3";
    private const string UpsertCatalog = """
        INSERT INTO catalog (kind, key, status, created_at, type) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, key) DO UPDATE SET status = $3, created_at = $4
        """;
    private const string DeleteCatalog = "DELETE FROM catalog WHERE type = $1 AND key = $2";

    private readonly bool _isDevice;
    private readonly DeviceRow? _device;
    private readonly string? _attributes;
    private readonly bool _isCatalogued;
    private readonly CatalogRow? _catalog;

    private IndexRows(bool isDevice, DeviceRow? device, bool isCatalogued, CatalogRow? catalog)
    {
        (_isDevice, _device, _isCatalogued, _catalog) = (isDevice, device, isCatalogued, catalog);
        _attributes = device is null ? null : JsonSerializer.Serialize(device.Attributes, AttributeJson.Default.ImmutableSortedDictionaryStringString);
    }

    public static IndexRows Of<T>(T? state) => new(
        state is IDeviceIndexed, (state as IDeviceIndexed)?.ToDeviceRow(), state is ICatalogued, (state as ICatalogued)?.ToCatalogRow());

    /// <summary>The rows of a record that is deleted: none, where such a record has any.</summary>
    public static IndexRows None<T>() => new(
        typeof(T).IsAssignableTo(typeof(IDeviceIndexed)), null, typeof(T).IsAssignableTo(typeof(ICatalogued)), null);

    /// <summary>Makes the tables agree with this, in the transaction of the record <paramref name="type"/>/<paramref name="key"/>.</summary>
    public void Put(SqliteSession session, string type, string key)
    {
        if (_isDevice) PutDevice(session, key);
        if (_isCatalogued) PutCatalog(session, type, key);
    }

    private void PutDevice(SqliteSession session, string thing)
    {
        // Attributes hardly ever change, connectivity all the time: their rows are touched only when they differ.
        var stored = (string?)session.Scalar(SelectDevice, thing);
        if (stored != _attributes)
        {
            foreach (var (name, value) in Attributes(stored)) session.Execute(DeleteAttribute, name, value, thing);
            foreach (var (name, value) in Attributes(_attributes)) session.Execute(InsertAttribute, name, value, thing);
        }
        if (_device is { } row)
        {
            session.Execute(
                UpsertDevice, thing, row.Model.Value, row.Firmware?.Value, row.Healthy, ConnectivityNames.Of(row.Connectivity),
                SqlTime.Format(row.LastSeenAt), _attributes);
        }
        else if (stored is not null)
        {
            session.Execute(DeleteDevice, thing);
        }
    }

    private void PutCatalog(SqliteSession session, string type, string key)
    {
        if (_catalog is { } row) session.Execute(UpsertCatalog, row.Kind, key, row.Status, SqlTime.Format(row.CreatedAt), type);
        else session.Execute(DeleteCatalog, type, key);
    }

    public static ImmutableSortedDictionary<string, string> Attributes(string? json) => json is null
        ? ImmutableSortedDictionary<string, string>.Empty
        : JsonSerializer.Deserialize(json, AttributeJson.Default.ImmutableSortedDictionaryStringString)!;
}

[JsonSerializable(typeof(ImmutableSortedDictionary<string, string>))]
internal sealed partial class AttributeJson : JsonSerializerContext;
