using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>
/// A way to get at the things of a term through an index, so that a search need not look at all devices. It yields each thing once, all
/// that the term finds, and nothing else.
/// </summary>
/// <param name="Select">Builds <c>SELECT thing FROM …</c>, adding its values to the parameters.</param>
internal sealed record FleetSourceSql(Func<SqlParameters, string> Select)
{
    /// <summary>
    /// The same things as one or more queries like <see cref="Select"/>, each of which an index yields in the order of their names. Empty
    /// if there is no such index.
    /// </summary>
    public ImmutableArray<Func<SqlParameters, string>> Ordered { get; init; } = [];

    /// <summary>
    /// As <see cref="Select"/>, but for that it may yield a thing more than once: what need not be compared can stop when there are enough.
    /// </summary>
    public Func<SqlParameters, string> SelectRoughly { get; init; } = Select;

    /// <summary>The sources of what all must hold; each alone yields all that can be found.</summary>
    public static IEnumerable<FleetSourceSql> Of(FleetExpression expression, IndexDialect dialect)
    {
        if (expression is FleetExpression.And and)
            return and.Parts.SelectMany(part => Of(part, dialect)).Concat(Between([.. and.Parts.OfType<FleetExpression.Firmware>()]));
        return Exact(expression, dialect) is { } exact ? [exact] : [];
    }

    /// <returns>Null if no index helps.</returns>
    public static FleetSourceSql? Exact(FleetExpression expression, IndexDialect dialect) => expression switch
    {
        FleetExpression.Or or => Union([.. or.Parts.Select(part => Exact(part, dialect))]),
        FleetExpression.Is { Field.Kind: FleetFieldKind.Health } => null,
        FleetExpression.Is { Field: { Kind: FleetFieldKind.Attribute, Attribute: var name }, Value: var value } =>
            InOrder(p => $"SELECT thing FROM device_attributes WHERE name = {p.Add(name!)} AND value = {p.Add(value)}"),
        FleetExpression.Is { Field: var field, Value: var value } =>
            InOrder(p => $"SELECT thing FROM devices WHERE {Column(field)} = {p.Add(value)}"),
        FleetExpression.Like like => Prefixed(like, dialect),
        FleetExpression.Firmware firmware => new(
            p =>
                $"SELECT thing FROM devices WHERE firmware_order {FleetConditionSql.Sign(firmware.Order)} "
                + $"{p.Add(FirmwareOrder.Of(firmware.Version))}"),
        FleetExpression.Number number => new(
            p =>
                $"SELECT thing FROM {dialect.AttributesByNumber} WHERE name = {p.Add(number.Attribute)} AND number IS NOT NULL "
                + $"AND number {FleetConditionSql.Sign(number.Order)} {p.Add(number.Value)}"),
        _ => null,
    };

    private static FleetSourceSql InOrder(Func<SqlParameters, string> select) => new(select) { Ordered = [select] };

    private static FleetSourceSql? Union(ImmutableArray<FleetSourceSql?> parts) =>
        parts.Contains(null) ? null : new(p => string.Join(" UNION ", parts.Select(part => part!.Select(p))))
        {
            Ordered = parts.Any(part => part!.Ordered.IsEmpty) ? [] : [.. parts.SelectMany(part => part!.Ordered)],
            SelectRoughly = p => string.Join(" UNION ALL ", parts.Select(part => part!.SelectRoughly(p))),
        };

    // From one version to another: each bound alone may hold for most of the fleet.
    private static IEnumerable<FleetSourceSql> Between(ImmutableArray<FleetExpression.Firmware> bounds) => bounds.Length < 2
        ? []
        : [new(p => $"SELECT thing FROM devices WHERE {string.Join(" AND ", bounds.Select(bound => Bound(p, bound)))}")];

    private static string Bound(SqlParameters p, FleetExpression.Firmware bound) =>
        $"firmware_order {FleetConditionSql.Sign(bound.Order)} {p.Add(FirmwareOrder.Of(bound.Version))}";

    // What begins alike stands together in the index. Beyond ASCII, no next text is worked out, and no index used.
    private static FleetSourceSql? Prefixed(FleetExpression.Like like, IndexDialect dialect)
    {
        string prefix = new([.. like.Pieces[0].TakeWhile(c => c < 0x7F)]);
        if (like.Field.Kind is FleetFieldKind.Connectivity or FleetFieldKind.Health || prefix.Length == 0) return null;
        string end = $"{prefix[..^1]}{(char)(prefix[^1] + 1)}";
        return like.Field switch
        {
            { Kind: FleetFieldKind.Attribute, Attribute: var name } =>
                new(p => $"SELECT thing FROM device_attributes WHERE name = {p.Add(name!)} AND {Range(p, "value")}"),
            { Kind: FleetFieldKind.Thing } => InOrder(p => $"SELECT thing FROM devices WHERE {Range(p, "thing")}"),
            var field => new(p => $"SELECT thing FROM devices WHERE {Range(p, Column(field))}"),
        };

        string Range(SqlParameters p, string column) =>
            $"{column} >= {p.Add(prefix)} AND {column} < {p.Add(end)} AND {dialect.Like(column, p.Add(dialect.Pattern(like.Pieces)))}";
    }

    private static string Column(FleetField field) => field.Kind switch
    {
        FleetFieldKind.Thing => "thing",
        FleetFieldKind.Model => "model",
        FleetFieldKind.Firmware => "firmware",
        FleetFieldKind.Connectivity => "connectivity",
        _ => "gateway",
    };
}

/// <summary>
/// The values of a statement under construction, in the order of <c>$1</c>, <c>$2</c>…: text from outside is never part of the SQL.
/// </summary>
internal sealed class SqlParameters
{
    private readonly List<object> _values = [];

    public IReadOnlyList<object> Values => _values;

    public string Add(object value)
    {
        _values.Add(value);
        return $"${_values.Count}";
    }
}
