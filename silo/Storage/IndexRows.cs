using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>What stands beside a record: its device's row in the fleet index, its row in the catalog, or neither.</summary>
internal readonly struct IndexRows
{
    private IndexRows(bool isDevice, DeviceRow? device, bool isCatalogued, CatalogRow? catalog)
    {
        (IsDevice, Device, IsCatalogued, Catalog) = (isDevice, device, isCatalogued, catalog);
        Attributes = device is null ? null : JsonSerializer.Serialize(device.Attributes, AttributeJson.Default.ImmutableSortedDictionaryStringString);
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
