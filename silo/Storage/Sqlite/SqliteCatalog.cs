using Fleet.Grains.Index;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Reads the table <c>catalog</c>.</summary>
internal sealed class SqliteCatalog(SqliteReaders readers) : ICatalog
{
    private const string Select = "SELECT key, status, created_at FROM catalog WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3";

    public Task<ImmutableArray<CatalogRow>> List(string kind, string? after, int limit, CancellationToken cancellation) => readers.Scan(session =>
    {
        var list = ImmutableArray.CreateBuilder<CatalogRow>();
        using var rows = session.Query(Select, kind, after ?? "", limit);
        while (rows.Read()) list.Add(new(kind, rows.GetString(0), rows.GetString(1), SqlTime.Parse(rows.GetString(2))));
        return list.DrainToImmutable();
    }, cancellation);
}
