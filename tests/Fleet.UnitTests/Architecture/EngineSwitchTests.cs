using System.Runtime.CompilerServices;

namespace Fleet.UnitTests.Architecture;

/// <summary>Which engine a build is for shows in host set-up files alone, and MSBuild picks those in one place (docs/adr/0001-two-engines.md).</summary>
public sealed class EngineSwitchTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", ".."));

    private static readonly string[] Folders =
        ["device-sim", "engine", "gateway", "grain-interfaces", "grains", "mqtt", "silo", "tests/Fleet.ConformanceTests", "tests/Fleet.IntegrationTests"];

    [Fact]
    public void No_code_is_compiled_by_condition() => Assert.Empty(
        from file in Sources("*.cs")
        from line in File.ReadLines(file)
        where line.TrimStart().StartsWith("#if", StringComparison.Ordinal)
        select $"{Path.GetRelativePath(Root, file)}: {line}");

    [Fact]
    public void Only_host_set_up_names_the_embedded_engine() => Assert.Empty(
        from file in Sources("*.cs")
        where !file.StartsWith(Path.Combine(Root, "engine"), StringComparison.Ordinal) && !file.EndsWith(".embedded.cs", StringComparison.Ordinal)
        where File.ReadLines(file).Any(line => line.StartsWith("using Fleet.Engine", StringComparison.Ordinal))
        select Path.GetRelativePath(Root, file));

    [Fact]
    public void Only_the_shared_targets_pick_sources_by_engine() => Assert.Empty(
        from file in Sources("*.csproj")
        from line in File.ReadLines(file)
        where line.Contains("$(Engine)", StringComparison.Ordinal) && !line.Contains("<PackageReference", StringComparison.Ordinal)
        select $"{Path.GetRelativePath(Root, file)}: {line.Trim()}");

    [Fact]
    public void What_one_engine_sets_up_under_a_name_the_other_does_too() => Assert.Empty(
        from file in Sources("*.embedded.cs")
        let twin = file.Replace(".embedded.cs", ".orleans.cs", StringComparison.Ordinal)
        // Reminders are Orleans' own on Orleans.
        where !File.Exists(twin) && !file.EndsWith("ReminderTable.embedded.cs", StringComparison.Ordinal)
        select Path.GetRelativePath(Root, file));

    private static IEnumerable<string> Sources(string pattern) =>
        Folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
