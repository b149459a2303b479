using System.Data.Common;
using System.Text;

namespace Fleet.Silo.Storage;

internal sealed class SqliteDialect : IndexDialect
{
    public override FleetIndexLimits Limits { get; } = new(FewForPage: 5_000, FewForCount: 150_000);

    public override object Instant(DateTimeOffset at) => SqlTime.Format(at);

    public override DateTimeOffset ReadInstant(DbDataReader row, int column) => SqlTime.Parse(row.GetString(column));

    // Without a hint it may go over the attribute's values, which are in the order of texts.
    public override string AttributesByNumber => "device_attributes INDEXED BY device_attributes_by_number";

    // With a sign before it, a column is an expression, for which SQLite has no index; it would take one for anything, however many rows it
    // yields.
    public override string RowByRow(string column) => $"+{column}";

    public override string Like(string column, string parameter) => $"{column} GLOB {parameter}";

    public override string Pattern(ImmutableArray<string> pieces) => string.Join('*', pieces.Select(piece =>
        piece.Aggregate(
            new StringBuilder(),
            (glob, c) => c is '*' or '?' or '[' ? glob.Append('[').Append(c).Append(']') : glob.Append(c)).ToString()));

    // For few rows, a look at each one's attributes; for many, the things with this attribute, once.
    public override string Attribute(string name, bool isNumber, Func<string, string> test, bool few)
    {
        string column = isNumber ? "a.number" : "a.value";
        return few
            ? $"EXISTS (SELECT 1 FROM device_attributes a WHERE a.thing = d.thing AND a.name = {name} AND {test(RowByRow(column))})"
            : $"+d.thing IN (SELECT a.thing FROM device_attributes a WHERE a.name = {name} AND {test(column)}"
                + (isNumber ? " AND a.number IS NOT NULL)" : ")");
    }
}
