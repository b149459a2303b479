using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>The database file <c>fleet.db</c>: brings its schema up to date once, then opens sessions on it.</summary>
internal sealed class SqliteDatabase
{
    public static readonly SchemaMigrations Migrations = new("sqlite");

    private readonly StorageOptions _options;

    /// <exception cref="StartupException">
    /// The library is too old; or the file cannot be opened, is no database, or has a schema newer than this program.
    /// </exception>
    public SqliteDatabase(string file, IOptions<StorageOptions> options, TimeProvider clock)
    {
        (File, _options) = (file, options.Value);
        SQLitePCL.Batteries_V2.Init();
        SqliteLibrary.MustBeSound(SQLitePCL.raw.sqlite3_libversion().utf8_to_string());
        try
        {
            MakeForOwnerAlone(file);
            // WAL: readers and the writer do not wait for each other, and a commit is one append and one fsync. It stays set in the file.
            using var session = SqliteSession.Open(file, SqliteOpenMode.ReadWriteCreate, _options, "journal_mode=WAL", "synchronous=FULL");
            Migrate(session, clock);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The database {file} cannot be used: {e.Message}", e);
        }
    }

    public string File { get; }

    /// <summary>
    /// For the one writer. synchronous=FULL: a commit returns after its fsync, so that it survives a power cut. The file is not created
    /// here: a database that went missing while the service ran must not come back as an empty one. The cache, in KiB, holds most of what
    /// writes to 100,000 devices come across again.
    /// </summary>
    public SqliteSession OpenWriter() => SqliteSession.Open(
        File, SqliteOpenMode.ReadWrite, _options,
        "synchronous=FULL", "wal_autocheckpoint=0", $"max_page_count={_options.MaxPages}", "cache_size=-65536");

    /// <summary>For <see cref="SqliteCheckpoints"/>.</summary>
    public SqliteSession OpenCheckpointer() =>
        SqliteSession.Open(File, SqliteOpenMode.ReadWrite, _options, "synchronous=FULL", "wal_autocheckpoint=0");

    /// <summary>Sees what is committed when a query starts, and can change nothing.</summary>
    public SqliteSession OpenReader() => SqliteSession.Open(File, SqliteOpenMode.ReadWrite, _options, "query_only=1", "cache_size=-32768");

    private static void Migrate(SqliteSession session, TimeProvider clock)
    {
        session.DefineFunction(
            "firmware_order", (string? version) => FirmwareVersion.TryParse(version, out var parsed) ? FirmwareOrder.Of(parsed) : null);
        session.DefineFunction("attribute_number", (string? value) => value is null ? null : AttributeNumber.Of(value));
        session.Run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL)");
        long current = (long)(session.Scalar("SELECT MAX(version) FROM schema_version") ?? 0L);
        foreach (var step in Migrations.After(current))
        {
            // What fails leaves the transaction to the session's end, which rolls it back.
            session.Run("BEGIN IMMEDIATE");
            session.Run(step.Sql);
            session.Execute(
                "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)", step.Version, SqlTime.Format(clock.GetUtcNow()));
            session.Run("COMMIT");
        }
    }

    /// <summary>SQLite gives its other files the mode of this one.</summary>
    private static void MakeForOwnerAlone(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file, options);
    }
}

/// <summary>Which SQLite library the fleet's data may be given to.</summary>
internal static class SqliteLibrary
{
    /// <summary>
    /// In 3.7.0 to 3.51.2 a commit that starts the write-ahead log from its beginning while a checkpoint runs can corrupt the database
    /// (https://sqlite.org/wal.html#walresetbug). <see cref="SqliteCheckpoints"/> runs beside the writer all the time.
    /// </summary>
    private static readonly Version Oldest = new(3, 51, 3);

    /// <param name="version">As the library tells its own: three or four numbers with dots.</param>
    /// <exception cref="StartupException">The library is older, or its version is none.</exception>
    public static void MustBeSound(string version)
    {
        if (Version.TryParse(version, out var found) && found >= Oldest) return;
        throw new StartupException(
            $"The SQLite library in use is {version}; Fleet needs {Oldest} or newer: older ones can corrupt the database (the WAL-reset "
            + "bug). "
            + "Run Fleet with the library that it comes with, and look for another e_sqlite3 that is loaded in its place.");
    }
}
