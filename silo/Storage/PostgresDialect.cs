using System.Data.Common;
using System.Text;

namespace Fleet.Silo.Storage;

internal sealed class PostgresDialect : IndexDialect
{
    // It goes over all devices with several processes, and a look at one by its key costs it some 5 µs.
    public override FleetIndexLimits Limits { get; } = new(FewForPage: 5_000, FewForCount: 30_000);

    public override object Instant(DateTimeOffset at) => at.UtcDateTime;

    public override DateTimeOffset ReadInstant(DbDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    public override string AttributesByNumber => "device_attributes";

    public override string RowByRow(string column) => column;

    public override string Like(string column, string parameter) => $"{column} LIKE {parameter}";

    public override string Pattern(ImmutableArray<string> pieces) => string.Join('%', pieces.Select(piece =>
        piece.Aggregate(
            new StringBuilder(), (like, c) => c is '%' or '_' or '\\' ? like.Append('\\').Append(c) : like.Append(c)).ToString()));

    public override string Attribute(string name, bool isNumber, Func<string, string> test, bool few)
    {
        string value = $"(d.attributes ->> {name})";
        return isNumber
            ? $$"""CASE WHEN {{value}} ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' THEN {{test($"{value}::double precision")}} ELSE FALSE END"""
            : $"COALESCE({test($"{value} COLLATE \"C\"")}, FALSE)";
    }
}
