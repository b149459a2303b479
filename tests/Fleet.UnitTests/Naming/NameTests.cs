using System.Text.Json;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Naming;

public sealed class NameTests
{
    [Theory]
    [InlineData("amr:1_-X", true), InlineData("", false), InlineData("a b", false), InlineData("a/b", false), InlineData("a+b", false), InlineData("é", false)]
    public void Thing_names_keep_to_their_characters(string text, bool valid) => Assert.Equal(valid, ThingName.TryParse(text, out _));

    [Fact]
    public void Lengths_are_those_of_the_spec()
    {
        Assert.True(ThingName.TryParse(new string('a', 128), out _) && !ThingName.TryParse(new string('a', 129), out _));
        Assert.True(JobId.TryParse(new string('a', 64), out _) && !JobId.TryParse(new string('a', 65), out _));
        Assert.True(CertificateId.TryParse(new string('a', 64), out _) && !CertificateId.TryParse(new string('A', 64), out _));
        Assert.False(ModelName.TryParse("-amr", out _));
    }

    [Fact]
    public void A_name_is_a_plain_string_in_JSON_and_a_bad_one_is_refused()
    {
        Assert.Equal("\"thing-1\"", JsonSerializer.Serialize(JsonSerializer.Deserialize<ThingName>("\"thing-1\"")));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<ThingName>("\"no/thing\""));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<ThingName>("null"));
    }
}
