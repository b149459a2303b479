using System.Diagnostics;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>
/// A fleet expression as a condition on a row <c>d</c> of devices. It is TRUE or FALSE and never NULL, so that NOT means what it says.
/// </summary>
/// <param name="few">Whether only some thousand rows are looked at.</param>
internal sealed class FleetConditionSql(IndexDialect dialect, SqlParameters parameters, bool few)
{
    public string Of(FleetExpression expression) => expression switch
    {
        FleetExpression.And { Parts.IsEmpty: true } => "TRUE",
        FleetExpression.And and => Joined(and.Parts, " AND "),
        FleetExpression.Or or => Joined(or.Parts, " OR "),
        FleetExpression.Not not => $"NOT ({Of(not.Inner)})",
        FleetExpression.Is @is => Text(@is.Field, value => $"{value} = {parameters.Add(@is.Value)}", @is.Value),
        FleetExpression.Like like => Text(like.Field, value => dialect.Like(value, parameters.Add(dialect.Pattern(like.Pieces))), null),
        FleetExpression.Firmware firmware => Nullable(
            "d.firmware_order", value => $"{value} {Sign(firmware.Order)} {parameters.Add(FirmwareOrder.Of(firmware.Version))}"),
        FleetExpression.Number number => dialect.Attribute(
            parameters.Add(number.Attribute), true, value => $"{value} {Sign(number.Order)} {parameters.Add(number.Value)}", few),
        FleetExpression.LastSeen seen =>
            Nullable("d.last_seen_at", value => $"{value} {Sign(seen.Order)} {parameters.Add(dialect.Instant(seen.At))}"),
        _ => throw new UnreachableException(),
    };

    public static string Sign(FleetOrder order) => order switch
    {
        FleetOrder.Below => "<",
        FleetOrder.AtMost => "<=",
        FleetOrder.Above => ">",
        _ => ">=",
    };

    private string Joined(ImmutableArray<FleetExpression> parts, string with) => $"({string.Join(with, parts.Select(Of))})";

    private string Text(FleetField field, Func<string, string> test, string? value) => field.Kind switch
    {
        FleetFieldKind.Thing => test(dialect.RowByRow("d.thing")),
        FleetFieldKind.Model => test(dialect.RowByRow("d.model")),
        FleetFieldKind.Connectivity => test(dialect.RowByRow("d.connectivity")),
        FleetFieldKind.Firmware => Nullable("d.firmware", test),
        FleetFieldKind.Gateway => Nullable("d.gateway", test),
        FleetFieldKind.Health => value switch
        {
            "healthy" => "d.healthy IS TRUE",
            "unhealthy" => "d.healthy IS FALSE",
            _ => "d.healthy IS NULL",
        },
        FleetFieldKind.Attribute => dialect.Attribute(parameters.Add(field.Attribute!), false, test, few),
        _ => throw new UnreachableException($"{field} is no text"),
    };

    private string Nullable(string column, Func<string, string> test) => $"({column} IS NOT NULL AND {test(dialect.RowByRow(column))})";
}
