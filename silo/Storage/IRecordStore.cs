using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>A database that keeps grain records: SQLite or PostgreSQL.</summary>
internal interface IRecordStore
{
    /// <returns>Null if there is no such record.</returns>
    ValueTask<StoredRecord?> Read(string type, string key);

    /// <summary>
    /// Completes when the outcome is durable. Writes that arrive together share a transaction, each with an outcome of its own.
    /// </summary>
    /// <param name="cancellation">Takes the write back as long as it has not begun.</param>
    /// <exception cref="StorageException">It was not stored, or nobody knows; a read tells.</exception>
    Task<RecordWritten> Write(RecordWrite write, CancellationToken cancellation);

    /// <summary>Writes a row of its own in the way that records are written, to see whether that works.</summary>
    /// <exception cref="StorageException">It does not.</exception>
    Task Probe(DateTimeOffset now, CancellationToken cancellation);
}

/// <summary>One record to store or to clear, and what stands beside it in the fleet index and the catalog.</summary>
/// <param name="Type">The grain's type, and /name for a record that is not called as the grain is.</param>
/// <param name="Key">The grain's key.</param>
/// <param name="State">JSON in UTF-8; null clears the record.</param>
/// <param name="ETag">What must be stored now; null: nothing.</param>
internal sealed record RecordWrite(string Type, string Key, byte[]? State, long? ETag, IndexRows Rows);

/// <summary>How a write ended.</summary>
/// <param name="ETag">The new one; 0 after a clear and after a refusal.</param>
/// <param name="Refused">Another had been there first: nothing of the write was stored.</param>
/// <param name="StoredETag">After a refusal: what is stored instead; null: nothing.</param>
internal readonly record struct RecordWritten(long ETag, bool Refused, long? StoredETag)
{
    public static RecordWritten Stored(long etag) => new(etag, false, null);

    public static RecordWritten Conflict(long? stored) => new(0, true, stored);
}

/// <summary>A record as it is stored.</summary>
/// <param name="State">JSON in UTF-8.</param>
internal readonly record struct StoredRecord(byte[] State, long ETag);

/// <summary>What stands beside a record: its device's row in the fleet index, its row in the catalog, or neither.</summary>
internal readonly struct IndexRows
{
    private IndexRows(bool isDevice, DeviceRow? device, bool isCatalogued, CatalogRow? catalog)
    {
        (IsDevice, Device, IsCatalogued, Catalog) = (isDevice, device, isCatalogued, catalog);
        Attributes = device is null
            ? null : JsonSerializer.Serialize(device.Attributes, AttributeJson.Default.ImmutableSortedDictionaryStringString);
    }

    /// <summary>The record is a device's: <see cref="Device"/> goes into the fleet index, and out of it when it is null.</summary>
    public bool IsDevice { get; }
    public DeviceRow? Device { get; }

    /// <summary>The device's attributes as JSON.</summary>
    public string? Attributes { get; }

    /// <summary>The record is one that is listed: <see cref="Catalog"/> goes into the catalog, and out of it when it is null.</summary>
    public bool IsCatalogued { get; }
    public CatalogRow? Catalog { get; }

    public static IndexRows Of<T>(T? state) => new(
        state is IDeviceIndexed, (state as IDeviceIndexed)?.ToDeviceRow(), state is ICatalogued, (state as ICatalogued)?.ToCatalogRow());

    /// <summary>The rows of a record that is deleted: none, where such a record has any.</summary>
    public static IndexRows None<T>() => new(
        typeof(T).IsAssignableTo(typeof(IDeviceIndexed)), null, typeof(T).IsAssignableTo(typeof(ICatalogued)), null);

    public static ImmutableSortedDictionary<string, string> ReadAttributes(string? json) => json is null
        ? ImmutableSortedDictionary<string, string>.Empty
        : JsonSerializer.Deserialize(json, AttributeJson.Default.ImmutableSortedDictionaryStringString)!;
}

[JsonSerializable(typeof(ImmutableSortedDictionary<string, string>))]
internal sealed partial class AttributeJson : JsonSerializerContext;
