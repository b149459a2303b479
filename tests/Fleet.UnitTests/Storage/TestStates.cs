using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Storage;

public sealed record CounterState
{
    public int Count { get; init; }
    public string? Padding { get; init; }
}

/// <summary>A device's record, as the index sees it.</summary>
public sealed record IndexedState : IDeviceIndexed
{
    public string? Thing { get; init; }
    public string Model { get; init; } = "amr";
    public string? Firmware { get; init; }
    public bool? Healthy { get; init; }
    public Connectivity Connectivity { get; init; }
    public string? Gateway { get; init; }
    public DateTimeOffset? LastSeenAt { get; init; }
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    public static IndexedState Of(string thing, params (string Name, string Value)[] attributes) =>
        new() { Thing = thing, Attributes = attributes.ToImmutableSortedDictionary(a => a.Name, a => a.Value) };

    public DeviceRow? ToDeviceRow() => Thing is null
        ? null
        : new(Name<ThingName>(Thing), Name<ModelName>(Model), Firmware is null ? null : Name<FirmwareVersion>(Firmware), Healthy, Connectivity, Gateway, LastSeenAt, Attributes);

    private static T Name<T>(string text) where T : struct, IName<T> => T.TryParse(text, out var name) ? name : throw new ArgumentException(text);
}

/// <summary>A rollout's record, as the catalog sees it.</summary>
public sealed record ListedState : ICatalogued
{
    public string? Key { get; init; }
    public string Status { get; init; } = "running";
    public DateTimeOffset CreatedAt { get; init; }

    public CatalogRow? ToCatalogRow() => Key is null ? null : new("rollout", Key, Status, CreatedAt);
}
