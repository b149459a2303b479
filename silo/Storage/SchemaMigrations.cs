using System.Globalization;
using System.Reflection;

namespace Fleet.Silo.Storage;

/// <summary>
/// The steps that bring a database to the schema of this program: <c>deploy/{database}/NNNN-title.sql</c>, built into the
/// program. Each runs once, in order, in a transaction that also notes it in <c>schema_version</c>.
/// </summary>
internal sealed class SchemaMigrations
{
    private readonly ImmutableArray<Step> _steps;

    /// <param name="folder">Of <c>deploy/</c>.</param>
    public SchemaMigrations(string folder)
    {
        var assembly = typeof(SchemaMigrations).Assembly;
        string prefix = $"Fleet.Schema.{folder}.";
        _steps =
        [
            .. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
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
            throw new StartupException(
                $"The database has schema version {current}; this program knows versions up to {Latest}. "
                + "Start the program that wrote it, or a newer one.");
        return _steps.Where(step => step.Version > current);
    }

    private static string Read(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    internal sealed record Step(int Version, string Sql);
}
