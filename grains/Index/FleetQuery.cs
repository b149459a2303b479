using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Index;

/// <summary>A question about the fleet: the devices for which an expression holds (docs/query-language.md).</summary>
public sealed record FleetQuery(FleetExpression Filter)
{
    public static FleetQuery All { get; } = new(FleetExpression.Everything);

    public static FleetQuery Of(ThingName thing) => new(new FleetExpression.Is(FleetField.Thing, thing.Value));

    public static FleetQuery Of(Connectivity connectivity) =>
        new(new FleetExpression.Is(FleetField.Connectivity, ConnectivityNames.Of(connectivity)));

    /// <summary>The devices whose session the gateway holds.</summary>
    public static FleetQuery OfGateway(string gateway) => new(new FleetExpression.Is(new FleetField(FleetFieldKind.Gateway), gateway));

    public override string ToString() => Filter.ToString();
}

/// <summary>What a term is about.</summary>
/// <param name="Attribute">The attribute's name, where the kind is an attribute.</param>
public readonly record struct FleetField(FleetFieldKind Kind, string? Attribute = null)
{
    public static readonly FleetField Thing = new(FleetFieldKind.Thing);
    public static readonly FleetField Connectivity = new(FleetFieldKind.Connectivity);

    /// <summary>As the query language spells it.</summary>
    public override string ToString() => Kind switch
    {
        FleetFieldKind.Attribute => $"attributes.{Attribute}",
        FleetFieldKind.LastSeen => "lastSeen",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}

public enum FleetFieldKind
{
    Thing,
    Model,
    Firmware,
    Connectivity,
    Health,
    Gateway,
    LastSeen,
    Attribute,
}

public enum FleetOrder
{
    Below,
    AtMost,
    Above,
    AtLeast,
}
