namespace Fleet.UnitTests.Architecture;

/// <summary>Lengths that no compiler holds anybody to: <c>max_line_length</c> in <c>.editorconfig</c>, and a file that is one idea.</summary>
public sealed class LineLengthTests
{
    private const int Longest = 140, MostLines = 250;

    public static TheoryData<string> Folders => ["gateway", "silo", "grains", "grain-interfaces", "mqtt", "device-sim"];

    [Theory]
    [MemberData(nameof(Folders))]
    public void No_line_is_longer_than_the_configured_length(string folder) => Assert.Empty(
        from file in SourceTree.FilesOf(folder)
        from line in file.Lines.Index()
        where line.Item.Length > Longest
        select $"{file.Path}:{line.Index + 1} has {line.Item.Length} characters");

    [Theory]
    [MemberData(nameof(Folders))]
    public void No_file_is_longer_than_one_idea(string folder) => Assert.Empty(
        from file in SourceTree.FilesOf(folder)
        where file.Lines.Length > MostLines
        select $"{file.Path} has {file.Lines.Length} lines");
}
