using Fleet.Grains.Index;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

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
        while (await rows.ReadAsync(cancellation)) list.Add(new(kind, rows.GetString(0), rows.GetString(1), rows.GetFieldValue<DateTimeOffset>(2)));
        return list.DrainToImmutable();
    }
}
