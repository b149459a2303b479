using System.Data.Common;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

internal sealed class PostgresIndexTables(PostgresDatabase database) : IIndexTables
{
    public IndexDialect Dialect { get; } = new PostgresDialect();

    public async Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(sql);
        foreach (object value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        List<T> results = [];
        while (await rows.ReadAsync(cancellation)) results.Add(read(rows));
        return results;
    }
}
