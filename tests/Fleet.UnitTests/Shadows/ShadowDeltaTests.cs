using static Fleet.UnitTests.Shadows.ShadowUnderTest;

namespace Fleet.UnitTests.Shadows;

/// <summary>spec/aws-iot-topics.md, 1.3, and the delta in 1.2.</summary>
public sealed class ShadowDeltaTests
{
    [Theory]
    // 1: all of desired when nothing is reported.
    [InlineData("""{"a":1,"b":{"c":2}}""", "null", """{"a":1,"b":{"c":2}}""")]
    // 2: only differing children, with the path to them; empty results dropped.
    [InlineData("""{"a":{"x":1,"y":2},"b":{"z":1}}""", """{"a":{"x":1,"y":3},"b":{"z":1}}""", """{"a":{"y":2}}""")]
    // 3: reported only is ignored; desired only is included whole.
    [InlineData("""{"a":1}""", """{"a":1,"b":2}""", null)]
    [InlineData("""{"a":1,"n":{"o":[1]}}""", """{"a":1}""", """{"n":{"o":[1]}}""")]
    // 4: arrays and different types, whole unless deep-equal.
    [InlineData("""{"a":[1,{"x":1,"y":2}]}""", """{"a":[1,{"y":2,"x":1}]}""", null)]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", """{"a":[1,2]}""")]
    [InlineData("""{"a":[1,{"x":1}]}""", """{"a":[1,{"x":2}]}""", """{"a":[1,{"x":1}]}""")]
    [InlineData("""{"a":[1]}""", """{"a":[1,1]}""", """{"a":[1]}""")]
    [InlineData("""{"a":[{"x":1}]}""", """{"a":[{"y":1}]}""", """{"a":[{"x":1}]}""")]
    [InlineData("""{"a":{"x":1}}""", """{"a":1}""", """{"a":{"x":1}}""")]
    [InlineData("""{"a":"1"}""", """{"a":1}""", """{"a":"1"}""")]
    [InlineData("""{"a":true}""", """{"a":"true"}""", """{"a":true}""")]
    // 5: numbers by value, exactly; strings and booleans exactly.
    [InlineData("""{"a":1,"b":100,"c":0,"d":-0.0,"e":0.5}""", """{"a":1.0,"b":1E2,"c":-0,"d":0e5,"e":5e-1}""", null)]
    [InlineData("""{"a":[1.10]}""", """{"a":[1.1]}""", null)]
    [InlineData("""{"a":9007199254740993}""", """{"a":9007199254740992}""", """{"a":9007199254740993}""")]
    [InlineData("""{"a":1e400}""", """{"a":1e401}""", """{"a":1e400}""")]
    [InlineData("""{"a":1e99999999999999999999}""", """{"a":10e99999999999999999998}""", null)]
    [InlineData("""{"a":-1}""", """{"a":1}""", """{"a":-1}""")]
    [InlineData("""{"a":"A"}""", """{"a":"a"}""", """{"a":"A"}""")]
    [InlineData("""{"a":"\u0041\/"}""", """{"a":"A/"}""", null)]
    [InlineData("""{"a":false}""", """{"a":true}""", """{"a":false}""")]
    public void The_delta_is_what_is_desired_and_not_reported(string desired, string reported, string? expected)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept($$$"""{"state":{"desired":{{{desired}}},"reported":{{{reported}}}}}""");
        Assert.Equal(expected is not null, shadow.Has("update/delta"));
        var get = shadow.Get()["state"]!["delta"];
        if (expected is null) Assert.Null(get);
        else
        {
            Same(expected, shadow.Body("update/delta")["state"]);
            Same(expected, get);
        }
    }

    [Fact]
    public void Without_desired_there_is_no_delta()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"a":1}}}""");
        Assert.False(shadow.Has("update/delta"));
    }

    [Fact]
    public void It_carries_the_times_of_the_desired_leaves_the_version_and_the_token()
    {
        var shadow = new ShadowUnderTest { Now = 1_699_999_000 };
        shadow.Accept("""{"state":{"desired":{"fan":"off","list":[1,2]}}}""");
        shadow.Now = 1_700_000_000;
        shadow.Accept("""{"state":{"reported":{"fan":"on","list":[1,2]}},"clientToken":"c-1"}""");
        Same("""{"state":{"fan":"off"},"metadata":{"fan":{"timestamp":1699999000}},"version":2,"timestamp":1700000000,"clientToken":"c-1"}""",
            shadow.Body("update/delta"));
    }

    [Fact]
    public void It_is_the_whole_outstanding_difference_and_not_what_this_update_touched()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"desired":{"a":1,"b":2},"reported":{"a":0,"b":0}}}""");
        shadow.Accept("""{"state":{"reported":{"a":1}}}""");
        Same("""{"b":2}""", shadow.Body("update/delta")["state"]);
        shadow.Accept("""{"state":{"reported":{"unrelated":1}}}""");
        Same("""{"b":2}""", shadow.Body("update/delta")["state"]);
        shadow.Accept("""{"state":{"reported":{"b":2.0}}}""");
        Assert.False(shadow.Has("update/delta"));
    }

    [Fact]
    public void Get_shows_the_whole_document_and_the_delta()
    {
        var shadow = new ShadowUnderTest { Now = 1_699_999_000 };
        shadow.Accept("""{"state":{"desired":{"fan":"off"}}}""");
        shadow.Now = 1_700_000_000;
        shadow.Accept("""{"state":{"reported":{"fan":"on"}}}""");
        shadow.Now = 1_700_000_050;
        Same("""
            {"state":{"desired":{"fan":"off"},"reported":{"fan":"on"},"delta":{"fan":"off"}},
             "metadata":{"desired":{"fan":{"timestamp":1699999000}},"reported":{"fan":{"timestamp":1700000000}}},
             "version":2,"timestamp":1700000050,"clientToken":"c-2"}
            """, shadow.Get("""{"clientToken":"c-2"}"""));
    }
}
