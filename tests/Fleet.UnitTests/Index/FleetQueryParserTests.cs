using Fleet.Grains.Index;

namespace Fleet.UnitTests.Index;

public sealed class FleetQueryParserTests
{
    [Theory]
    [InlineData("model:amr", "model=\"amr\"")]
    [InlineData("  model = amr   and site:tokyo-1 ", "(model=\"amr\" and attributes.site=\"tokyo-1\")")]
    [InlineData("model:amr and firmware<2.1.0 and (site:tokyo or tag.line=3) and not connected",
        "(model=\"amr\" and firmware<2.1.0 and (attributes.site=\"tokyo\" or attributes.tag.line=\"3\") and not connectivity=\"connected\")")]
    [InlineData("a:1 or b:2 and not c:3 or d:4", "(attributes.a=\"1\" or (attributes.b=\"2\" and not attributes.c=\"3\") or attributes.d=\"4\")")]
    [InlineData("not (a:1 or b:2)", "not (attributes.a=\"1\" or attributes.b=\"2\")")]
    [InlineData("not not stale", "not not connectivity=\"stale\"")]
    [InlineData("and:or and not:a:b", "(attributes.and=\"or\" and attributes.not=\"a:b\")")]
    [InlineData("attributes.model:x and attributes.lastSeen:y", null)]
    [InlineData("attributes.model:x", "attributes.model=\"x\"")]
    [InlineData("site:{tokyo, osaka}", "(attributes.site=\"tokyo\" or attributes.site=\"osaka\")")]
    [InlineData("site!={tokyo,o*}", "not (attributes.site=\"tokyo\" or attributes.site=o*)")]
    [InlineData("site:{tokyo}", "attributes.site=\"tokyo\"")]
    [InlineData("site:\"a \\\"b\\\\ * (\"", "attributes.site=\"a \\\"b\\\\ * (\"")]
    [InlineData("thing:amr-*7", "thing=amr-*7")]
    [InlineData("site:*", "attributes.site=*")]
    [InlineData("site!=tokyo", "not attributes.site=\"tokyo\"")]
    [InlineData("floor>=-1.50", "attributes.floor>=-1.5")]
    [InlineData("lastSeen<2026-11-20", "lastSeen<2026-11-20T00:00:00Z")]
    [InlineData("lastSeen >= 2026-11-20T12:30:00.25Z", "lastSeen>=2026-11-20T12:30:00.25Z")]
    [InlineData("health:unknown and gateway:gw-1", "(health=\"unknown\" and gateway=\"gw-1\")")]
    [InlineData("site:東京", "attributes.site=\"東京\"")]
    public void A_query_is_a_tree(string text, string? tree)
    {
        var parse = FleetQueryParser.Parse(text);
        Assert.Equal(tree, parse is FleetQueryParse.Parsed parsed ? parsed.Query.ToString() : null);
        // A tree is itself a query, and means the same.
        if (tree is not null) Assert.Equal(tree, Assert.IsType<FleetQueryParse.Parsed>(FleetQueryParser.Parse(tree)).Query.ToString());
    }

    [Theory]
    [InlineData("", 0, FleetQueryError.Term), InlineData("   ", 3, FleetQueryError.Term), InlineData("model:amr and", 13, FleetQueryError.Term)]
    [InlineData("and model:amr", 0, FleetQueryError.Term), InlineData("not", 3, FleetQueryError.Term), InlineData(":amr", 0, FleetQueryError.Term)]
    [InlineData("Model:amr", 0, FleetQueryError.Term), InlineData("()", 1, FleetQueryError.Term), InlineData("model:amr and ?", 14, FleetQueryError.Term)]
    [InlineData("site", 4, FleetQueryError.Operator), InlineData("site tokyo", 5, FleetQueryError.Operator), InlineData("connectd", 8, FleetQueryError.Operator)]
    [InlineData("model:amr site:x", 10, FleetQueryError.Connective), InlineData("model:amr AND site:x", 10, FleetQueryError.Connective)]
    [InlineData("model:amr && site:x", 10, FleetQueryError.Connective), InlineData("(a:1", 4, FleetQueryError.Connective), InlineData("a:1)", 3, FleetQueryError.Connective)]
    [InlineData("model<amr", 5, FleetQueryError.Operator), InlineData("lastSeen:2026-11-20", 8, FleetQueryError.Operator)]
    [InlineData("model:", 6, FleetQueryError.Value), InlineData("thing:a/b", 6, FleetQueryError.Value), InlineData("firmware:latest", 9, FleetQueryError.Value)]
    [InlineData("firmware<2.1", 9, FleetQueryError.Value), InlineData("connectivity:maybe", 13, FleetQueryError.Value), InlineData("health:c*", 7, FleetQueryError.Value)]
    [InlineData("floor<high", 6, FleetQueryError.Value), InlineData("lastSeen<yesterday", 9, FleetQueryError.Value), InlineData("floor<{1,2}", 6, FleetQueryError.Value)]
    [InlineData("site:{}", 6, FleetQueryError.Value), InlineData("site:{a", 7, FleetQueryError.Value), InlineData("site:{a b}", 8, FleetQueryError.Value)]
    [InlineData("site:\"", 6, FleetQueryError.Quote), InlineData("site:\"a\\n\"", 7, FleetQueryError.Quote), InlineData("site:\"\"", 5, FleetQueryError.Value)]
    public void What_is_wrong_is_wrong_at_a_position(string text, int position, FleetQueryError error)
    {
        var invalid = Assert.IsType<FleetQueryParse.Invalid>(FleetQueryParser.Parse(text));
        Assert.Equal((position, error), (invalid.Position, invalid.Error));
        Assert.Contains(invalid.Expected, invalid.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FleetQueryParser.MaxDepth, true), InlineData(FleetQueryParser.MaxDepth + 1, false), InlineData(1_000, false)]
    public void Depth_is_bounded(int depth, bool taken)
    {
        string text = new string('(', depth - 1) + "stale" + new string(')', depth - 1);
        Assert.Equal(taken, FleetQueryParser.Parse(text) is FleetQueryParse.Parsed);
        Assert.Equal(taken, FleetQueryParser.Parse(string.Concat(Enumerable.Repeat("not ", depth - 1)) + "stale") is FleetQueryParse.Parsed);
    }

    [Theory]
    [InlineData(FleetQueryParser.MaxTerms, true), InlineData(FleetQueryParser.MaxTerms + 1, false)]
    public void Terms_are_bounded(int terms, bool taken)
    {
        Assert.Equal(taken, FleetQueryParser.Parse(string.Join(" or ", Enumerable.Repeat("a:1", terms))) is FleetQueryParse.Parsed);
        Assert.Equal(taken, FleetQueryParser.Parse($"a:{{{string.Join(',', Enumerable.Repeat("1", terms))}}}") is FleetQueryParse.Parsed);
    }

    [Fact]
    public void Length_is_bounded() =>
        Assert.Equal(FleetQueryError.Size, Assert.IsType<FleetQueryParse.Invalid>(FleetQueryParser.Parse(new string('a', FleetQueryParser.MaxCharacters + 1))).Error);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Random_text_is_a_query_or_an_error_at_a_position_in_it(int seed)
    {
        var random = new Random(seed);
        string[] pieces = ["and", "or", "not", "(", ")", "{", "}", ",", ":", "=", "!=", "<", ">=", "\"", "\\", "*", " ", "model", "firmware", "1.0.0", "connected", "a", "3", "é", "\0"];
        for (int i = 0; i < 500; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)] + (random.Next(2) == 0 ? " " : "")));
            switch (FleetQueryParser.Parse(text))
            {
                case FleetQueryParse.Invalid invalid:
                    Assert.True(invalid.Position >= 0 && invalid.Position <= text.Length, $"seed {seed}: {text}");
                    break;
                case FleetQueryParse.Parsed parsed:
                    string tree = parsed.Query.ToString();
                    Assert.True(tree == (FleetQueryParser.Parse(tree) as FleetQueryParse.Parsed)?.Query.ToString(), $"seed {seed}: {text}");
                    break;
            }
        }
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 20)];
}
