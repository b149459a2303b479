using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Naming;

public sealed class FirmwareVersionTests
{
    [Theory]
    [InlineData("1.0.0"), InlineData("0.0.0"), InlineData("1.2.3-rc.1"), InlineData("1.0.0-alpha-1.x")]
    public void Semantic_versions_are_taken(string text) => Assert.True(FirmwareVersion.TryParse(text, out _));

    [Theory]
    [InlineData(null), InlineData(""), InlineData("1"), InlineData("1.0"), InlineData("1.0.0.0"), InlineData("01.0.0"), InlineData("1.0.0+build")]
    [InlineData("1.0.0-"), InlineData("1.0.0-01"), InlineData("v1.0.0"), InlineData("1.0.-1"), InlineData(" 1.0.0")]
    public void Others_are_not(string? text) => Assert.False(FirmwareVersion.TryParse(text, out _));

    [Fact]
    public void Precedence_is_that_of_semantic_versioning_section_11()
    {
        string[] rising = ["0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0"];
        var versions = rising.Select(Parse).ToArray();
        Assert.Equal(versions, versions.Reverse().Order());
        Assert.True(versions[0] < versions[1] && versions[^1] > versions[^2] && versions[3] <= versions[3]);
    }

    private static FirmwareVersion Parse(string text) => FirmwareVersion.TryParse(text, out var version) ? version : throw new FormatException(text);
}
