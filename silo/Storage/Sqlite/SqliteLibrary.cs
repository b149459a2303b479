using Fleet.Silo.Hosting;

namespace Fleet.Silo.Storage.Sqlite;

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
            $"The SQLite library in use is {version}; Fleet needs {Oldest} or newer: older ones can corrupt the database (the WAL-reset bug). "
            + "Run Fleet with the library that it comes with, and look for another e_sqlite3 that is loaded in its place.");
    }
}
