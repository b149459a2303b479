using System.Globalization;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Index;

/// <summary>
/// A condition on a device, as a tree. Each term holds or does not hold: one about something that the device does not have (no firmware
/// yet, no such attribute) does not. Sets and <c>!=</c> are gone by now: they are <see cref="Or"/> and <see cref="Not"/>.
/// </summary>
public abstract record FleetExpression
{
    private FleetExpression() { }

    /// <summary>Holds for every device.</summary>
    public static FleetExpression Everything { get; } = new And([]);

    /// <summary>All hold; none: true.</summary>
    public sealed record And(ImmutableArray<FleetExpression> Parts) : FleetExpression
    {
        public override string ToString() => Parts.IsEmpty ? "" : $"({string.Join(" and ", Parts)})";
    }

    /// <summary>One holds, of two or more.</summary>
    public sealed record Or(ImmutableArray<FleetExpression> Parts) : FleetExpression
    {
        public override string ToString() => $"({string.Join(" or ", Parts)})";
    }

    public sealed record Not(FleetExpression Inner) : FleetExpression
    {
        public override string ToString() => $"not {Inner}";
    }

    /// <summary>The field is spelt so: every character, and in this case.</summary>
    public sealed record Is(FleetField Field, string Value) : FleetExpression
    {
        public override string ToString() => $"{Field}={Quote(Value)}";
    }

    /// <summary>The field is spelt so, with anything, and maybe nothing, between the pieces: <c>a*b*</c> is "a", "b", "".</summary>
    public sealed record Like(FleetField Field, ImmutableArray<string> Pieces) : FleetExpression
    {
        public override string ToString() => $"{Field}={string.Join('*', Pieces)}";
    }

    /// <summary>The firmware's precedence (Semantic Versioning 2.0.0, section 11).</summary>
    public sealed record Firmware(FleetOrder Order, FirmwareVersion Version) : FleetExpression
    {
        public override string ToString() => $"firmware{Sign(Order)}{Version}";
    }

    /// <summary>An attribute that is a number (<see cref="AttributeNumber"/>).</summary>
    public sealed record Number(string Attribute, FleetOrder Order, double Value) : FleetExpression
    {
        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"attributes.{Attribute}{Sign(Order)}{Value:0.###############}");
    }

    public sealed record LastSeen(FleetOrder Order, DateTimeOffset At) : FleetExpression
    {
        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"lastSeen{Sign(Order)}{At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'}");
    }

    private static string Sign(FleetOrder order) => order switch
    {
        FleetOrder.Below => "<",
        FleetOrder.AtMost => "<=",
        FleetOrder.Above => ">",
        _ => ">=",
    };

    private static string Quote(string value) =>
        $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
