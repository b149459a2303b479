using System.Data.Common;
using System.Text;
using Fleet.Grains.Index;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

internal sealed class PostgresIndexTables(PostgresDatabase database) : IIndexTables
{
    public IndexDialect Dialect { get; } = new PostgresDialect();

    public async Task<List<T>> Query<T>(
        string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(sql);
        foreach (object value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        List<T> results = [];
        while (await rows.ReadAsync(cancellation)) results.Add(read(rows));
        return results;
    }
}

/// <summary>Reads the table <c>catalog</c>.</summary>
internal sealed class PostgresCatalog(PostgresDatabase database) : ICatalog
{
    private const string Select = "SELECT key, status, created_at FROM catalog WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3";

    public async Task<ImmutableArray<CatalogRow>> List(string kind, string? after, int limit, CancellationToken cancellation)
    {
        var list = ImmutableArray.CreateBuilder<CatalogRow>();
        await using var command = database.Source.CreateCommand(Select);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after ?? "" });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        while (await rows.ReadAsync(cancellation))
            list.Add(new(kind, rows.GetString(0), rows.GetString(1), rows.GetFieldValue<DateTimeOffset>(2)));
        return list.DrainToImmutable();
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
