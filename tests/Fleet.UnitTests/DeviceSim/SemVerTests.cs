using Fleet.DeviceSim.Images;


namespace Fleet.UnitTests.DeviceSim;

public sealed class SemVerTests
{
    [Fact]
    public void Versions_are_ordered_as_section_11_of_the_specification_has_it()
    {
        string[] ascending = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "2.0.0"];
        for (int i = 0; i < ascending.Length; i++)
        {
            for (int j = 0; j < ascending.Length; j++)
            {
                Assert.True(SemVer.TryParse(ascending[i], out var one));
                Assert.True(SemVer.TryParse(ascending[j], out var other));
                Assert.Equal(i.CompareTo(j), Math.Sign(one.CompareTo(other)));
            }
        }
    }

    [Theory, InlineData(""), InlineData("1"), InlineData("1.0"), InlineData("01.0.0"), InlineData("1.0.0+build"), InlineData("1.0.0-"), InlineData("1.0.0-01"), InlineData("v1.0.0"), InlineData(null)]
    public void What_is_no_version_is_refused(string? text) => Assert.False(SemVer.TryParse(text, out _));
}
