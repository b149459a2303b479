using System.Runtime.CompilerServices;

namespace Fleet.UnitTests.Architecture;

/// <summary>The sources that these tests were built from.</summary>
internal static class SourceTree
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../.."));

    /// <param name="folder">Of the repository's root.</param>
    /// <returns>C# files: the path from the root, and the lines.</returns>
    public static IEnumerable<(string Path, string[] Lines)> FilesOf(string folder) =>
        from path in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        orderby path
        select (Path.GetRelativePath(Root, path), File.ReadAllLines(path));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
