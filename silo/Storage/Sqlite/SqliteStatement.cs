using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using static SQLitePCL.raw;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// A prepared statement without ADO.NET around it, for what is run a hundred thousand times a second: UTF-8 goes in and out as it is.
/// Parameters and columns count from 1 and 0, as SQLite has them.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <exception cref="SqliteException">The statement makes no sense to the database.</exception>
    public SqliteStatement(sqlite3 database, string sql)
    {
        _database = database;
        SqliteException.ThrowExceptionForRC(sqlite3_prepare_v2(database, sql, out _statement), database);
    }

    public void Bind(int parameter, ReadOnlySpan<byte> utf8) => Check(sqlite3_bind_text(_statement, parameter, utf8));

    public void Bind(int parameter, string text) => Check(sqlite3_bind_text(_statement, parameter, text));

    public void Bind(int parameter, long number) => Check(sqlite3_bind_int64(_statement, parameter, number));

    /// <summary>Bytes that are no text; an empty span is an empty blob.</summary>
    public void BindBlob(int parameter, ReadOnlySpan<byte> bytes) =>
        Check(bytes.IsEmpty ? sqlite3_bind_zeroblob(_statement, parameter, 0) : sqlite3_bind_blob(_statement, parameter, bytes));

    public void BindNull(int parameter) => Check(sqlite3_bind_null(_statement, parameter));

    /// <summary>Runs it to its end.</summary>
    /// <returns>How many rows it changed.</returns>
    /// <exception cref="SqliteException">It failed; what it had changed is undone.</exception>
    public int Execute()
    {
        int result = sqlite3_step(_statement);
        // A reset repeats the error; the step has said it already.
        sqlite3_reset(_statement);
        if (result != SQLITE_DONE) SqliteException.ThrowExceptionForRC(result, _database);
        return sqlite3_changes(_database);
    }

    /// <summary>The next row; after it, and after the last one, <see cref="Reset"/>.</summary>
    public bool Step()
    {
        int result = sqlite3_step(_statement);
        if (result is SQLITE_ROW) return true;
        if (result is not SQLITE_DONE) SqliteException.ThrowExceptionForRC(result, _database);
        return false;
    }

    public void Reset() => sqlite3_reset(_statement);

    public long Long(int column) => sqlite3_column_int64(_statement, column);

    /// <summary>Bytes of a text; they belong to the statement until it is stepped or reset.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => sqlite3_column_blob(_statement, column);

    /// <summary>Whether a text column has this value; of a text beyond ASCII it may say no.</summary>
    public bool Holds(int column, string? text) => text is null
        ? sqlite3_column_type(_statement, column) == SQLITE_NULL
        : sqlite3_column_type(_statement, column) != SQLITE_NULL && Ascii.Equals(Bytes(column), text);

    public void Dispose() => _statement.Dispose();

    private void Check(int result)
    {
        if (result != SQLITE_OK) SqliteException.ThrowExceptionForRC(result, _database);
    }
}
