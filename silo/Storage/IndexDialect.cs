using System.Data.Common;

namespace Fleet.Silo.Storage;

/// <summary>Where the tables of the fleet index are.</summary>
internal interface IIndexTables
{
    IndexDialect Dialect { get; }

    Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation);
}

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
