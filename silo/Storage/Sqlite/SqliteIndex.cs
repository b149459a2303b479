using System.Data.Common;
using System.Text;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Makes the fleet index and the catalog agree with a record, in the record's transaction.</summary>
internal static class SqliteIndexRows
{
    private const string UpsertCatalog = """
        INSERT INTO catalog (kind, key, status, created_at, type) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, key) DO UPDATE SET status = $3, created_at = $4
            WHERE (status, created_at) <> ($3, $4)
        """;
    private const string DeleteCatalog = "DELETE FROM catalog WHERE type = $1 AND key = $2";

    public static void Put(SqliteSession session, RecordWrite write)
    {
        if (write.Rows.IsDevice) SqliteDeviceRows.Put(session, write.Key, write.Rows);
        if (!write.Rows.IsCatalogued) return;
        if (write.Rows.Catalog is { } row)
            session.Execute(UpsertCatalog, row.Kind, row.Key, row.Status, SqlTime.Format(row.CreatedAt), write.Type);
        else session.Execute(DeleteCatalog, write.Type, write.Key);
    }
}

internal sealed class SqliteIndexTables(SqliteReaders readers) : IIndexTables
{
    public IndexDialect Dialect { get; } = new SqliteDialect();

    public Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation) =>
        readers.Scan(session => session.QueryOnce(sql, values, read), cancellation);
}

/// <summary>Reads the table <c>catalog</c>.</summary>
internal sealed class SqliteCatalog(SqliteReaders readers) : ICatalog
{
    private const string Select = "SELECT key, status, created_at FROM catalog WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3";

    public Task<ImmutableArray<CatalogRow>> List(string kind, string? after, int limit, CancellationToken cancellation) =>
        readers.Scan(session =>
        {
            var list = ImmutableArray.CreateBuilder<CatalogRow>();
            using var rows = session.Query(Select, kind, after ?? "", limit);
            while (rows.Read()) list.Add(new(kind, rows.GetString(0), rows.GetString(1), SqlTime.Parse(rows.GetString(2))));
            return list.DrainToImmutable();
        }, cancellation);
}

internal sealed class SqliteDialect : IndexDialect
{
    public override FleetIndexLimits Limits { get; } = new(FewForPage: 5_000, FewForCount: 150_000);

    public override object Instant(DateTimeOffset at) => SqlTime.Format(at);

    public override DateTimeOffset ReadInstant(DbDataReader row, int column) => SqlTime.Parse(row.GetString(column));

    // Without a hint it may go over the attribute's values, which are in the order of texts.
    public override string AttributesByNumber => "device_attributes INDEXED BY device_attributes_by_number";

    // With a sign before it, a column is an expression, for which SQLite has no index; it would take one for anything,
    // however many rows it yields.
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
