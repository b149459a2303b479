using System.Data.Common;
using System.Text;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>What the two databases spell differently in a query over the fleet index.</summary>
internal abstract class IndexDialect
{
    /// <summary>Sizes at which another way is taken, as they were measured.</summary>
    public abstract FleetIndexLimits Limits { get; }

    /// <summary>An instant as a parameter.</summary>
    public abstract object Instant(DateTimeOffset at);

    /// <summary>The column last_seen_at.</summary>
    public abstract DateTimeOffset ReadInstant(DbDataReader row, int column);

    /// <summary>The table of the attributes, to be looked into by the numbers.</summary>
    public abstract string AttributesByNumber { get; }

    /// <summary>The expression of a column in a condition that is to be evaluated row by row, rather than looked up in an index.</summary>
    public abstract string RowByRow(string column);

    /// <summary>A condition "matches the pattern", case-sensitive, and the pattern as the database writes it.</summary>
    public abstract string Like(string column, string parameter);

    public abstract string Pattern(ImmutableArray<string> pieces);

    /// <summary>A term on an attribute, for one row <c>d</c> of devices; never NULL.</summary>
    /// <param name="name">The attribute's name, as a parameter.</param>
    /// <param name="test">Makes the condition from the expression of the attribute's value, or of its number.</param>
    /// <param name="few">Whether only some thousand rows are looked at.</param>
    public abstract string Attribute(string name, bool isNumber, Func<string, string> test, bool few);
}

internal sealed class SqliteDialect : IndexDialect
{
    public override FleetIndexLimits Limits { get; } = new(FewForPage: 5_000, FewForCount: 150_000);

    public override object Instant(DateTimeOffset at) => SqlTime.Format(at);

    public override DateTimeOffset ReadInstant(DbDataReader row, int column) => SqlTime.Parse(row.GetString(column));

    // Without a hint it may go over the attribute's values, which are in the order of texts.
    public override string AttributesByNumber => "device_attributes INDEXED BY device_attributes_by_number";

    // With a sign before it, a column is an expression, for which SQLite has no index; it would take one for anything, however many rows it yields.
    public override string RowByRow(string column) => $"+{column}";

    public override string Like(string column, string parameter) => $"{column} GLOB {parameter}";

    public override string Pattern(ImmutableArray<string> pieces) => string.Join('*', pieces.Select(piece =>
        piece.Aggregate(new StringBuilder(), (glob, c) => c is '*' or '?' or '[' ? glob.Append('[').Append(c).Append(']') : glob.Append(c)).ToString()));

    // For few rows, a look at each one's attributes; for many, the things with this attribute, once.
    public override string Attribute(string name, bool isNumber, Func<string, string> test, bool few)
    {
        string column = isNumber ? "a.number" : "a.value";
        return few
            ? $"EXISTS (SELECT 1 FROM device_attributes a WHERE a.thing = d.thing AND a.name = {name} AND {test(RowByRow(column))})"
            : $"+d.thing IN (SELECT a.thing FROM device_attributes a WHERE a.name = {name} AND {test(column)}{(isNumber ? " AND a.number IS NOT NULL" : "")})";
    }
}

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
        piece.Aggregate(new StringBuilder(), (like, c) => c is '%' or '_' or '\\' ? like.Append('\\').Append(c) : like.Append(c)).ToString()));

    public override string Attribute(string name, bool isNumber, Func<string, string> test, bool few)
    {
        string value = $"(d.attributes ->> {name})";
        return isNumber
            ? $$"""CASE WHEN {{value}} ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' THEN {{test($"{value}::double precision")}} ELSE FALSE END"""
            : $"COALESCE({test($"{value} COLLATE \"C\"")}, FALSE)";
    }
}
