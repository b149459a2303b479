using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>MQTT 5.0, 4.7 as a book would put it.</summary>
internal static class Textbook
{
    public static bool Matches(string filter, string name) =>
        !(name.StartsWith('$') && (filter[0] is '+' or '#')) && Matches(filter.Split('/'), name.Split('/'));

    private static bool Matches(string[] filter, string[] name) =>
        filter is ["#"] || (filter.Length == 0 || name.Length == 0
            ? filter.Length == name.Length
            : (filter[0] == "+" || filter[0] == name[0]) && Matches(filter[1..], name[1..]));

    /// <summary>All strings of up to <paramref name="levels"/> of these levels, joined by slashes; not the empty one.</summary>
    public static IEnumerable<string> All(string[] alphabet, int levels)
    {
        IEnumerable<string> row = alphabet;
        for (int i = 1; i <= levels; i++)
        {
            foreach (string text in row)
            {
                if (text.Length > 0) yield return text;
            }
            row = row.SelectMany(text => alphabet.Select(level => text + "/" + level));
        }
    }

    /// <summary>All strings of 1 to <paramref name="length"/> of these characters.</summary>
    public static IEnumerable<string> Strings(string alphabet, int length)
    {
        string[] row = [""];
        for (int i = 1; i <= length; i++)
        {
            row = [.. row.SelectMany(text => alphabet.Select(c => text + c))];
            foreach (string text in row) yield return text;
        }
    }

    public static bool IsFilter(string text) =>
        text.Split('/') is var levels && levels.Select((level, i) => level is "+" || (level is "#" && i == levels.Length - 1) || !level.AsSpan().ContainsAny('+', '#')).All(good => good);

    public static readonly string[] Names = [.. All(["", "a", "b", "$"], 4)];

    public static readonly string[] Filters = [.. All(["", "a", "b", "$", "+", "#"], 4).Where(filter =>
        !filter.Contains("#/", StringComparison.Ordinal))];
}

public class TopicTests
{
    [Fact]
    public void The_matcher_agrees_with_the_textbook_on_all_short_strings()
    {
        string[] names = [.. Textbook.Strings("a/$", 4)];
        foreach (string filter in Textbook.Strings("a/$+#", 5))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(filter);
            Assert.True(Textbook.IsFilter(filter) == TopicFilter.IsValid(bytes), filter);
            foreach (string name in Textbook.IsFilter(filter) ? names : [])
                Assert.True(Textbook.Matches(filter, name) == TopicFilter.Matches(bytes, Encoding.UTF8.GetBytes(name)), $"{filter}, {name}");
        }
    }

    [Fact]
    public void The_matcher_agrees_with_the_textbook_on_all_short_names_and_filters()
    {
        byte[][] names = [.. Textbook.Names.Select(Encoding.UTF8.GetBytes)];
        foreach (string filter in Textbook.Filters)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(filter);
            Assert.True(TopicFilter.IsValid(bytes), filter);
            for (int i = 0; i < names.Length; i++)
                Assert.True(Textbook.Matches(filter, Textbook.Names[i]) == TopicFilter.Matches(bytes, names[i]), $"{filter}, {Textbook.Names[i]}");
        }
    }

    [Theory]
    // The examples of 4.7.1 and 4.7.2.
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1", true), InlineData("sport/tennis/player1/#", "sport/tennis/player1/ranking", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true), InlineData("sport/#", "sport", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1", true), InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("sport/+", "sport", false), InlineData("sport/+", "sport/", true), InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true), InlineData("+", "/finance", false), InlineData("#", "$SYS/x", false), InlineData("+/x", "$SYS/x", false)]
    [InlineData("$SYS/#", "$SYS/x", true), InlineData("$SYS/+", "$SYS/x", true), InlineData("ACCOUNTS", "Accounts", false)]
    public void The_examples_of_the_standard(string filter, string name, bool matches) => Assert.Equal(matches, TopicFilter.Parse(filter).Matches(name));

    [Theory]
    [InlineData(""), InlineData("sport/tennis#"), InlineData("sport/tennis/#/ranking"), InlineData("sport+"), InlineData("+a"), InlineData("a\0")]
    [InlineData("$share/"), InlineData("$share/g"), InlineData("$share/g/"), InlineData("$share//t"), InlineData("$share/+/t")]
    [InlineData("$share/g#/t"), InlineData("$share/g/t#")]
    public void What_is_no_filter(string text) => Assert.Null(TopicFilter.TryParse(text));

    [Fact]
    public void A_shared_subscription_names_its_group()
    {
        var shared = TopicFilter.Parse("$share/consumer1//finance/#");
        Assert.Equal(("consumer1", "/finance/#", true, true), (shared.Group, shared.Filter, shared.IsShared, shared.HasWildcards));
        Assert.Null(TopicFilter.Parse("$shared/consumer1/t").Group);
        Assert.Equal(shared, TopicFilter.TryParse("$share/consumer1//finance/#"u8));
    }

    [Theory]
    [InlineData("a/b", true), InlineData("/", true), InlineData("$aws/things/x", true), InlineData(" ", true)]
    [InlineData("", false), InlineData("a/+", false), InlineData("#", false), InlineData("a\0b", false)]
    public void Topic_names(string name, bool valid) => Assert.Equal(valid, TopicName.IsValid(name));

    [Fact]
    public void Half_a_surrogate_pair_is_no_text()
    {
        foreach (char half in (char[])['\uD83D', '\uDE00'])
        {
            Assert.Null(TopicFilter.TryParse($"a{half}b"));
            Assert.False(TopicName.IsValid($"{half}"));
        }
        Assert.True(TopicName.IsValid("a\U0001F600b"));
    }

    [Fact]
    public void Names_and_filters_end_at_65535_bytes()
    {
        Assert.True(TopicName.IsValid(new string('a', 65_535)));
        Assert.False(TopicName.IsValid(new string('a', 65_536)));
        Assert.False(TopicName.IsValid(new string('é', 40_000)));
        Assert.NotNull(TopicFilter.TryParse(new string('a', 65_535)));
        Assert.Null(TopicFilter.TryParse(new string('a', 65_536)));
    }
}
