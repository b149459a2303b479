using Npgsql;
using NpgsqlTypes;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// The statements of one transaction, sent in one go: each takes all its rows as arrays. Npgsql sends a batch without a transaction of its
/// own up to one Sync, and PostgreSQL commits there: one round trip, all or nothing.
/// </summary>
internal sealed class PostgresBatch(NpgsqlConnection connection) : IAsyncDisposable
{
    private readonly NpgsqlBatch _batch = new(connection);

    public void Add(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters) command.Parameters.Add(parameter);
        _batch.BatchCommands.Add(command);
    }

    public Task<NpgsqlDataReader> Execute() => _batch.ExecuteReaderAsync();

    public ValueTask DisposeAsync() => _batch.DisposeAsync();

    public static NpgsqlParameter Texts<T>(IReadOnlyList<T> rows, Func<T, string?> value) => Array(rows, value, NpgsqlDbType.Text);

    public static NpgsqlParameter Longs<T>(IReadOnlyList<T> rows, Func<T, long> value) => Array(rows, value, NpgsqlDbType.Bigint);

    public static NpgsqlParameter Array<T, TValue>(IReadOnlyList<T> rows, Func<T, TValue> value, NpgsqlDbType type)
    {
        var values = new TValue[rows.Count];
        for (int i = 0; i < values.Length; i++) values[i] = value(rows[i]);
        return new NpgsqlParameter<TValue[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type };
    }
}

internal static class PostgresFaults
{
    /// <summary>
    /// True when no other request would have fared better: a lost connection, a full disk, a server that stops. Otherwise one request is at
    /// fault (SQLSTATE classes 22 data, 23 integrity, 54 limits), or met another transaction at the wrong moment (40).
    /// </summary>
    public static bool ConcernAll(Exception e) =>
        e is not PostgresException { SqlState: [var first, var second, ..] }
            || (first, second) is not (('2', '2') or ('2', '3') or ('4', '0') or ('5', '4'));

    /// <summary>
    /// After an error that the server reported, the connection is as good as before. Any other leaves it in an unknown state.
    /// </summary>
    public static bool Spoil(NpgsqlConnection? connection, Exception e) =>
        e is not PostgresException || connection?.State is not System.Data.ConnectionState.Open;
}
