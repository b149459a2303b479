using System.Data.Common;

namespace Fleet.Silo.Storage.Sqlite;

internal sealed class SqliteIndexTables(SqliteReaders readers) : IIndexTables
{
    public IndexDialect Dialect { get; } = new SqliteDialect();

    public Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation) =>
        readers.Scan(session => session.QueryOnce(sql, values, read), cancellation);
}
