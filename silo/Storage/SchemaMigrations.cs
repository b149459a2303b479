using System.Reflection;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Storage;

/// <summary>Brings a database to the schema of this program: <c>Schema/NNNN-title.sql</c>, each once, in order, in a transaction of its own.</summary>
internal static class SchemaMigrations
{
    private const string Prefix = "Fleet.Silo.Storage.Schema.";

    /// <summary>The schema version that this program reads and writes.</summary>
    public static int Latest => All().Max(m => m.Version);

    /// <exception cref="StartupException">The database was written by a newer program.</exception>
    public static void Apply(SqliteSession session, TimeProvider clock)
    {
        session.Run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL)");
        long current = (long)(session.Scalar("SELECT MAX(version) FROM schema_version") ?? 0L);
        if (current > Latest)
            throw new StartupException($"The database has schema version {current}; this program knows versions up to {Latest}. Start the program that wrote it, or a newer one.");
        foreach (var (version, sql) in All().Where(m => m.Version > current))
        {
            // What fails leaves the transaction to the session's end, which rolls it back.
            session.Run("BEGIN IMMEDIATE");
            session.Run(sql);
            session.Execute("INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)", version, SqlTime.Format(clock.GetUtcNow()));
            session.Run("COMMIT");
        }
    }

    private static IEnumerable<(int Version, string Sql)> All()
    {
        var assembly = typeof(SchemaMigrations).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (int.Parse(name.AsSpan(Prefix.Length, 4)), Read(assembly, name)));
    }

    private static string Read(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
