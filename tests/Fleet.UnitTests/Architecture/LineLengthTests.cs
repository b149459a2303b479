namespace Fleet.UnitTests.Architecture;

/// <summary>What <c>max_line_length</c> in <c>.editorconfig</c> says, which no compiler holds anybody to.</summary>
public sealed class LineLengthTests
{
    private const int Longest = 140;

    [Theory]
    [InlineData("gateway")]
    [InlineData("silo")]
    [InlineData("grains")]
    [InlineData("grain-interfaces")]
    [InlineData("mqtt")]
    [InlineData("device-sim")]
    public void No_line_is_longer_than_the_configured_length(string folder) => Assert.Empty(
        from file in SourceTree.FilesOf(folder)
        from line in file.Lines.Index()
        where line.Item.Length > Longest
        select $"{file.Path}:{line.Index + 1} has {line.Item.Length} characters");
}
