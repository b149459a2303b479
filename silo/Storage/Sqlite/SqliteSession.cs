using System.Data.Common;
using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// One connection with its prepared statements, for one thread at a time. A statement's text is a constant with parameters <c>$1</c>,
/// <c>$2</c>…; it is prepared when first used and kept.
/// </summary>
internal sealed class SqliteSession : IDisposable
{
    /// <summary>SQLITE_DBSTATUS_CACHE_WRITE</summary>
    private const int DbStatusCacheWrite = 9;

    private readonly SqliteConnection _connection;
    private byte[]? _now;
    private readonly Dictionary<string, SqliteCommand> _statements = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SqliteStatement> _raw = new(StringComparer.Ordinal);

    private SqliteSession(SqliteConnection connection) => _connection = connection;

    /// <exception cref="SqliteException">The file cannot be opened, or is no database.</exception>
    public static SqliteSession Open(string file, SqliteOpenMode mode, StorageOptions options, params ReadOnlySpan<string> pragmas)
    {
        // Shared by all: the pools here keep sessions, with their statements; the library's would keep bare connections.
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = file,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = options.LockTimeoutSeconds,
        }.ToString());
        var session = new SqliteSession(connection);
        try
        {
            connection.Open();
            foreach (var pragma in pragmas) session.Run($"PRAGMA {pragma}");
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Begins a transaction that writes.</summary>
    public void Begin()
    {
        _now = null;
        Statement("BEGIN IMMEDIATE").Execute();
    }

    /// <summary>Returns when the transaction is durable.</summary>
    public void Commit() => Statement("COMMIT").Execute();

    /// <summary>The transaction's instant, as the database holds instants: UTF-8.</summary>
    public ReadOnlySpan<byte> Now(TimeProvider clock) => _now ??= Encoding.UTF8.GetBytes(SqlTime.Format(clock.GetUtcNow()));

    /// <summary>A statement for the hot path, prepared when first used and kept.</summary>
    public SqliteStatement Statement(string sql)
    {
        if (!_raw.TryGetValue(sql, out var statement)) _raw.Add(sql, statement = new SqliteStatement(_connection.Handle!, sql));
        return statement;
    }

    /// <summary>Pages written to the disk by this session, since it was opened.</summary>
    public int PagesWritten
    {
        get
        {
            raw.sqlite3_db_status(_connection.Handle!, DbStatusCacheWrite, out int written, out _, resetFlg: 0);
            return written;
        }
    }

    /// <summary>Offers a function to the statements that this session runs.</summary>
    public void DefineFunction<T>(string name, Func<string?, T> function) =>
        _connection.CreateFunction(name, function, isDeterministic: true);

    /// <summary>Runs a statement that is not kept; it may be several, separated by semicolons.</summary>
    public void Run(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <returns>How many rows it changed.</returns>
    public int Execute(string sql, params ReadOnlySpan<object?> values) => Prepared(sql, values).ExecuteNonQuery();

    /// <returns>The first column of the first row; null if there is no row or it is NULL.</returns>
    public object? Scalar(string sql, params ReadOnlySpan<object?> values) =>
        Prepared(sql, values).ExecuteScalar() is { } value and not DBNull ? value : null;

    public SqliteDataReader Query(string sql, params ReadOnlySpan<object?> values) => Prepared(sql, values).ExecuteReader();

    /// <summary>A query whose text is made at run time, so that it is prepared for this once.</summary>
    public List<T> QueryOnce<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (int i = 0; i < values.Count; i++) command.Parameters.AddWithValue($"${i + 1}", values[i]);
        using var rows = command.ExecuteReader();
        List<T> results = [];
        while (rows.Read()) results.Add(read(rows));
        return results;
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values) statement.Dispose();
        foreach (var statement in _raw.Values) statement.Dispose();
        _connection.Dispose();
    }

    private SqliteCommand Prepared(string sql, ReadOnlySpan<object?> values)
    {
        if (!_statements.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
            command.CommandText = sql;
            for (int i = 0; i < values.Length; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
            _statements.Add(sql, command);
        }
        for (int i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }
}

/// <summary>
/// Instants as the database holds them: RFC 3339 in UTC to the tenth of a microsecond, so that their order as text is their order in time.
/// </summary>
internal static class SqlTime
{
    private const string Pattern = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    public static string Format(DateTimeOffset at) => at.UtcDateTime.ToString(Pattern, CultureInfo.InvariantCulture);

    public static string? Format(DateTimeOffset? at) => at is { } instant ? Format(instant) : null;

    public static DateTimeOffset Parse(string text) =>
        DateTimeOffset.ParseExact(
            text, Pattern, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
}
