using System.Globalization;
using System.Reflection;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Storage;

/// <summary>
/// The steps that bring a database to the schema of this program: <c>deploy/sqlite/NNNN-title.sql</c> and <c>deploy/postgres/…</c>, built into the
/// program. Each runs once, in order, in a transaction that also notes it in <c>schema_version</c>.
/// </summary>
internal sealed class SchemaMigrations
{
    public static readonly SchemaMigrations Sqlite = new("Fleet.Schema.sqlite.");
    public static readonly SchemaMigrations Postgres = new("Fleet.Schema.postgres.");

    private readonly ImmutableArray<Step> _steps;

    private SchemaMigrations(string prefix)
    {
        var assembly = typeof(SchemaMigrations).Assembly;
        _steps =
        [
            .. assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                .Select(name => new Step(int.Parse(name.AsSpan(prefix.Length, 4), CultureInfo.InvariantCulture), Read(assembly, name))),
        ];
    }

    /// <summary>The schema version that this program reads and writes.</summary>
    public int Latest => _steps[^1].Version;

    /// <param name="current">The database's version; 0 for an empty one.</param>
    /// <returns>What it lacks, in order.</returns>
    /// <exception cref="StartupException">The database was written by a newer program.</exception>
    public IEnumerable<Step> After(long current)
    {
        if (current > Latest)
            throw new StartupException($"The database has schema version {current}; this program knows versions up to {Latest}. Start the program that wrote it, or a newer one.");
        return _steps.Where(step => step.Version > current);
    }

    private static string Read(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    internal sealed record Step(int Version, string Sql);
}
