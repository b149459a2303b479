using System.Text;
using System.Text.Json.Nodes;
using static Fleet.UnitTests.Shadows.ShadowUnderTest;

namespace Fleet.UnitTests.Shadows;

/// <summary>spec/aws-iot-topics.md, 1.6 and 1.7.</summary>
public sealed class ShadowRejectionTests
{
    [Theory]
    [InlineData("", 400, "Invalid JSON")]
    [InlineData("{", 400, "Invalid JSON")]
    [InlineData("""{"state":{"reported":{"a":1,}}}""", 400, "Invalid JSON")]
    [InlineData("""{"state":{"reported":{"a":1,"a":2}}}""", 400, "Invalid JSON")]
    [InlineData("""{"state":{"reported":{"a":"\ud800"}}}""", 400, "Text must be Unicode without U+0000.")]
    [InlineData("""{"state":{"reported":{"\udc00":1}}}""", 400, "Invalid JSON")]
    [InlineData("""{"state":{"reported":{"a":"\u0000"}}}""", 400, "Text must be Unicode without U+0000.")]
    [InlineData("""{"state":{"reported":{"a\u0000":1}}}""", 400, "Text must be Unicode without U+0000.")]
    [InlineData("[]", 400, "Invalid JSON: the request must be an object")]
    [InlineData("""{"version":1}""", 400, "Missing required node: state")]
    [InlineData("""{"state":[]}""", 400, "State node must be an object")]
    [InlineData("""{"state":"x"}""", 400, "State node must be an object")]
    [InlineData("""{"state":{"desired":1}}""", 400, "Desired node must be an object")]
    [InlineData("""{"state":{"reported":[1]}}""", 400, "Reported node must be an object")]
    [InlineData("""{"state":{},"version":-1}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"version":1.0}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"version":1e0}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"version":"1"}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"version":null}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"version":99999999999999999999}""", 400, "Invalid version")]
    [InlineData("""{"state":{},"clientToken":5}""", 400, "Invalid clientToken")]
    [InlineData("""{"state":{"reported":{"a":[1,null]}}}""", 400, "State contains an invalid node")]
    [InlineData("""{"state":{"reported":{"a":[{"b":null}]}}}""", 400, "State contains an invalid node")]
    public void Bad_requests_are_refused_and_change_nothing(string body, int code, string message)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"a":0}}}""");
        var rejected = shadow.Reject(body);
        Assert.Equal(code, (int)rejected["code"]!);
        Assert.Equal(message, (string?)rejected["message"]);
        Assert.Equal(shadow.Now, (long)rejected["timestamp"]!);
        Assert.Null(rejected["clientToken"]);
    }

    [Fact]
    public void What_is_not_utf8_is_415()
    {
        var rejected = new ShadowUnderTest().Reject([.. "{\"state\":{\"reported\":{\"a\":\""u8, 0xC3, 0x28, .. "\"}}}"u8]);
        Same("""{"code":415,"message":"Unsupported documented encoding; supported encoding is UTF-8","timestamp":1700000000}""", rejected);
    }

    [Theory]
    [InlineData("""{"clientToken":"c"}""")]
    [InlineData("""{"state":1,"clientToken":"c"}""")]
    [InlineData("""{"state":{"desired":1},"clientToken":"c"}""")]
    [InlineData("""{"state":{},"version":-1,"clientToken":"c"}""")]
    [InlineData("""{"state":{"reported":{"a":[null]}},"clientToken":"c"}""")]
    [InlineData("""{"state":{},"version":7,"clientToken":"c"}""")]
    public void A_valid_token_is_echoed_in_every_rejection(string body) =>
        Assert.Equal("c", (string?)new ShadowUnderTest().Reject(body)["clientToken"]);

    [Fact]
    public void A_token_has_64_bytes_at_most()
    {
        var shadow = new ShadowUnderTest();
        var longest = string.Concat(Enumerable.Repeat("é", 32));
        Assert.Equal(longest, (string?)shadow.Accept($$$"""{"state":{},"clientToken":"{{{longest}}}"}""")["clientToken"]);
        Same("""{"code":400,"message":"Invalid clientToken","timestamp":1700000000}""", shadow.Reject($$$"""{"state":{},"clientToken":"{{{longest}}}x"}"""));
        Assert.Equal("", (string?)shadow.Accept("""{"state":{},"clientToken":""}""")["clientToken"]);
    }

    [Theory, InlineData("desired"), InlineData("reported")]
    public void A_section_may_be_six_levels_deep(string section)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept(Section(section, Nested(objects: 5)));
        shadow.Accept(Section(section, """{"list":[[[[[1]]]]]}"""));
        foreach (var tooDeep in new[] { Nested(objects: 6), """{"list":[[[[[[1]]]]]]}""", Nested(objects: 500) })
        {
            var rejected = shadow.Reject(Section(section, tooDeep));
            Assert.Equal(400, (int)rejected["code"]!);
            Assert.Equal("JSON contains too many levels of nesting; maximum is 6", (string?)rejected["message"]);
        }
        Assert.Equal("Invalid JSON", (string?)shadow.Reject(Section(section, Nested(objects: 20_000)))["message"]);
    }

    [Fact]
    public void The_merged_document_has_8192_bytes_at_most_without_its_metadata()
    {
        var shadow = new ShadowUnderTest();
        int frame = """{"desired":{"a":""},"reported":{"list":[],"b":""}}""".Length;
        string list = string.Join(',', Enumerable.Repeat("1", 500));
        shadow.Accept(Section("desired", $$"""{"a":"{{new string('x', 4_000)}}"}"""));
        shadow.Accept(Section("reported", $$"""{"list":[{{list}}],"b":""}"""));
        int room = 8_192 - frame - 4_000 - list.Length;
        shadow.Accept(Section("reported", $$"""{"b":   "{{new string('y', room)}}"}"""));
        var oneMore = $$"""{"b":"{{new string('y', room + 1)}}"}""";
        Same("""{"code":413,"message":"The payload exceeds the maximum size allowed","timestamp":1700000000,"clientToken":"big"}""",
            shadow.Reject(Section("reported", oneMore, ",\"clientToken\":\"big\"")));
        shadow.Accept("""{"state":{"desired":null}}""");
        shadow.Accept(Section("reported", oneMore));
    }

    [Fact]
    public void Get_of_a_shadow_that_is_not_there_is_404()
    {
        var answer = new ShadowUnderTest().GetAnswer("""{"clientToken":"c"}""");
        Assert.Equal("$aws/things/amr-1/shadow/get/rejected", answer.Topic);
        Same("""{"code":404,"message":"No shadow exists with name: 'amr-1'","timestamp":1700000000,"clientToken":"c"}""", JsonNode.Parse(answer.Payload.Span));
        Assert.Contains("'config'", Encoding.UTF8.GetString(new ShadowUnderTest("amr-1/config").GetAnswer().Payload.Span), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{", "Invalid JSON")]
    [InlineData("""{"clientToken":1}""", "Invalid clientToken")]
    public void Get_reads_its_body_if_there_is_one(string body, string message)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"a":1}}}""");
        var answer = shadow.GetAnswer(body);
        Assert.EndsWith("get/rejected", answer.Topic, StringComparison.Ordinal);
        Assert.Equal(message, (string?)JsonNode.Parse(answer.Payload.Span)!["message"]);
    }

    [Theory, InlineData(""), InlineData("{}"), InlineData("[]"), InlineData("""{"anything":{"goes":1}}""")]
    public void Get_ignores_what_else_is_in_its_body(string body)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"a":1}}}""");
        Assert.Null(shadow.Get(body)["clientToken"]);
    }

    private static string Nested(int objects) =>
        string.Concat(Enumerable.Repeat("{\"o\":", objects)) + "{\"leaf\":1}" + new string('}', objects);
}
