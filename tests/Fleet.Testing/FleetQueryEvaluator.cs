using System.Collections.Immutable;
using System.Diagnostics;
using Fleet.Grains.Index;

namespace Fleet.Testing;

/// <summary>
/// Whether a query finds a device, by the book and one device at a time. What the databases make of a query is held against this.
/// </summary>
public static class FleetQueryEvaluator
{
    public static bool Finds(this FleetQuery query, DeviceRow row) => Holds(query.Filter, row);

    private static bool Holds(FleetExpression expression, DeviceRow row) => expression switch
    {
        FleetExpression.And and => and.Parts.All(part => Holds(part, row)),
        FleetExpression.Or or => or.Parts.Any(part => Holds(part, row)),
        FleetExpression.Not not => !Holds(not.Inner, row),
        FleetExpression.Is @is => TextOf(@is.Field, row) == @is.Value,
        FleetExpression.Like like => TextOf(like.Field, row) is { } text && IsLike(text, like.Pieces),
        FleetExpression.Firmware firmware => row.Firmware is { } version && Stands(version.CompareTo(firmware.Version), firmware.Order),
        FleetExpression.Number number =>
            row.Attributes.TryGetValue(number.Attribute, out var text) && AttributeNumber.Of(text) is { } value
                && Stands(value.CompareTo(number.Value), number.Order),
        FleetExpression.LastSeen seen => row.LastSeenAt is { } at && Stands(at.CompareTo(seen.At), seen.Order),
        _ => throw new UnreachableException(),
    };

    private static string? TextOf(FleetField field, DeviceRow row) => field.Kind switch
    {
        FleetFieldKind.Thing => row.Thing.Value,
        FleetFieldKind.Model => row.Model.Value,
        FleetFieldKind.Firmware => row.Firmware?.Value,
        FleetFieldKind.Connectivity => ConnectivityNames.Of(row.Connectivity),
        FleetFieldKind.Health => row.Healthy switch { true => "healthy", false => "unhealthy", null => "unknown" },
        FleetFieldKind.Gateway => row.Gateway,
        FleetFieldKind.Attribute => row.Attributes.GetValueOrDefault(field.Attribute!),
        _ => throw new UnreachableException($"{field} is no text"),
    };

    private static bool IsLike(string text, ImmutableArray<string> pieces)
    {
        if (!text.StartsWith(pieces[0], StringComparison.Ordinal)) return false;
        int at = pieces[0].Length;
        foreach (string piece in pieces.AsSpan()[1..^1])
        {
            int found = text.IndexOf(piece, at, StringComparison.Ordinal);
            if (found < 0) return false;
            at = found + piece.Length;
        }
        return text.Length - at >= pieces[^1].Length && text.EndsWith(pieces[^1], StringComparison.Ordinal);
    }

    private static bool Stands(int comparison, FleetOrder order) => order switch
    {
        FleetOrder.Below => comparison < 0,
        FleetOrder.AtMost => comparison <= 0,
        FleetOrder.Above => comparison > 0,
        _ => comparison >= 0,
    };
}
