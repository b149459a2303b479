using static Fleet.UnitTests.Shadows.ShadowUnderTest;

namespace Fleet.UnitTests.Shadows;

/// <summary>spec/aws-iot-topics.md, 1.1, 1.2, 1.4 and 1.5.</summary>
public sealed class ShadowUpdateTests
{
    [Fact]
    public void Answers_come_as_delta_then_documents_then_accepted()
    {
        var shadow = new ShadowUnderTest();
        shadow.Update("""{"state":{"desired":{"fan":"off"},"reported":{"fan":"on"}}}""");
        Assert.Equal(
            ["$aws/things/amr-1/shadow/update/delta", "$aws/things/amr-1/shadow/update/documents", "$aws/things/amr-1/shadow/update/accepted"],
            shadow.Answers.Select(a => a.Topic));
    }

    [Fact]
    public void A_named_shadow_answers_on_its_own_topics()
    {
        var shadow = new ShadowUnderTest("amr-1/config");
        shadow.Accept("""{"state":{"desired":{"a":1}}}""");
        Assert.Equal("$aws/things/amr-1/shadow/name/config/update/delta", shadow.Answers[0].Topic);
        Assert.Equal("$aws/things/amr-1/shadow/name/config/get/accepted", shadow.GetAnswer().Topic);
    }

    [Fact]
    public void Accepted_is_the_change_with_its_nulls_and_a_timestamp_for_every_leaf_named()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"fan":"off","old":1,"other":2}}}""");
        Same("""
            {"state":{"reported":{"fan":"on","old":null}},
             "metadata":{"reported":{"fan":{"timestamp":1700000000},"old":{"timestamp":1700000000}}},
             "version":2,"timestamp":1700000000,"clientToken":"c-1"}
            """, shadow.Accept("""{"state":{"reported":{"fan":"on","old":null}},"clientToken":"c-1"}"""));
    }

    [Fact]
    public void Accepted_names_sections_in_the_order_of_the_request_and_only_those_a_requester_may_write()
    {
        var shadow = new ShadowUnderTest();
        shadow.Update("""{"state":{"reported":{"b":[1,{"c":2}]},"delta":{"x":1},"desired":null,"foo":3},"metadata":{"reported":{}},"extra":true}""");
        Assert.Equal(
            """{"state":{"reported":{"b":[1,{"c":2}]},"desired":null},"metadata":{"reported":{"b":[{"timestamp":1700000000},{"c":{"timestamp":1700000000}}]},"desired":{"timestamp":1700000000}},"version":1,"timestamp":1700000000}""",
            shadow.Text("update/accepted"));
        Assert.False(shadow.Has("update/delta"));
    }

    [Fact]
    public void Documents_show_the_whole_before_and_after()
    {
        var shadow = new ShadowUnderTest { Now = 1_699_998_000 };
        shadow.Accept("""{"state":{"reported":{"fan":"off"}}}""");
        shadow.Now = 1_700_000_000;
        shadow.Accept("""{"state":{"reported":{"fan":"on"}},"clientToken":"c-1"}""");
        Same("""
            {"previous":{"state":{"reported":{"fan":"off"}},"metadata":{"reported":{"fan":{"timestamp":1699998000}}},"version":1},
             "current":{"state":{"reported":{"fan":"on"}},"metadata":{"reported":{"fan":{"timestamp":1700000000}}},"version":2},
             "timestamp":1700000000,"clientToken":"c-1"}
            """, shadow.Body("update/documents"));
    }

    [Fact]
    public void The_first_documents_have_no_previous_and_never_a_delta()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"desired":{"fan":"on"}}}""");
        Assert.Equal(
            """{"current":{"state":{"desired":{"fan":"on"}},"metadata":{"desired":{"fan":{"timestamp":1700000000}}},"version":1},"timestamp":1700000000}""",
            shadow.Text("update/documents"));
    }

    [Theory]
    // Object onto object: recurse; the untouched stay.
    [InlineData("""{"a":{"x":1,"y":2}}""", """{"a":{"y":3,"z":4}}""", """{"a":{"x":1,"y":3,"z":4}}""")]
    // Object replaces scalar, scalar replaces object.
    [InlineData("""{"a":1}""", """{"a":{"x":1}}""", """{"a":{"x":1}}""")]
    [InlineData("""{"a":{"x":1}}""", """{"a":1}""", """{"a":1}""")]
    [InlineData("""{"a":[1,2]}""", """{"a":{"x":1}}""", """{"a":{"x":1}}""")]
    // Null removes; what is absent may be removed too.
    [InlineData("""{"a":1,"b":2}""", """{"a":null,"c":null}""", """{"b":2}""")]
    [InlineData("""{"a":{"x":1,"y":2}}""", """{"a":{"x":null}}""", """{"a":{"y":2}}""")]
    // An object that holds only nulls creates nothing.
    [InlineData("""{"a":1}""", """{"b":{"c":{"d":null}}}""", """{"a":1}""")]
    [InlineData("""{"a":1}""", """{"b":{"c":null,"d":2}}""", """{"a":1,"b":{"d":2}}""")]
    // An empty object counts as missing: removed, or not stored.
    [InlineData("""{"a":1,"b":{"x":1}}""", """{"b":{},"c":{}}""", """{"a":1}""")]
    // What becomes empty disappears.
    [InlineData("""{"a":{"b":{"c":1}},"d":1}""", """{"a":{"b":{"c":null}}}""", """{"d":1}""")]
    // Arrays are replaced whole.
    [InlineData("""{"a":[1,2,3]}""", """{"a":[4]}""", """{"a":[4]}""")]
    [InlineData("""{"a":[{"x":1}]}""", """{"a":[{"y":1},{}]}""", """{"a":[{"y":1},{}]}""")]
    [InlineData("""{"a":[1]}""", """{"a":[]}""", """{"a":[]}""")]
    // Order: the old members first, in their old places.
    [InlineData("""{"z":1,"a":2}""", """{"m":3,"a":4}""", """{"z":1,"a":4,"m":3}""")]
    public void Sections_merge(string stored, string patch, string expected)
    {
        foreach (var section in new[] { "desired", "reported" })
        {
            var shadow = new ShadowUnderTest();
            shadow.Accept($$$"""{"state":{"{{{section}}}":{{{stored}}}}}""");
            shadow.Accept($$$"""{"state":{"{{{section}}}":{{{patch}}}}}""");
            Same(expected, shadow.Get()["state"]![section]);
        }
    }

    [Fact]
    public void Numbers_keep_their_spelling_and_text_its_letters()
    {
        var shadow = new ShadowUnderTest();
        const string Reported = """{"reported":{"z":1.0,"a":1e2,"big":123456789012345678901234567890.10,"neg":-0.0,"text":"東京 <é> \"q\" \\ \n"}}""";
        shadow.Update($$"""{"state":{{Reported}}}""");
        Assert.Contains($"\"state\":{Reported}", shadow.Text("update/accepted"), StringComparison.Ordinal);
        Assert.Contains($"\"state\":{Reported}", shadow.Text("update/documents"), StringComparison.Ordinal);
        shadow.State = Reload(shadow.State);
        var get = System.Text.Encoding.UTF8.GetString(shadow.GetAnswer().Payload.Span);
        Assert.Contains($"\"state\":{Reported}", get, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_leaves_that_are_named_get_a_new_timestamp_even_if_their_value_stays()
    {
        var shadow = new ShadowUnderTest { Now = 100 };
        shadow.Accept("""{"state":{"reported":{"a":1,"b":{"c":1,"d":2},"list":[1,[2]]}}}""");
        shadow.Now = 200;
        shadow.Accept("""{"state":{"reported":{"b":{"c":1}}}}""");
        Same("""{"a":{"timestamp":100},"b":{"c":{"timestamp":200},"d":{"timestamp":100}},"list":[{"timestamp":100},[{"timestamp":100}]]}""",
            shadow.Get()["metadata"]!["reported"]);
    }

    [Fact]
    public void Metadata_follows_when_a_value_changes_its_shape()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"a":1,"b":{"c":1}}}}""");
        shadow.Accept("""{"state":{"reported":{"a":{"x":1},"b":"text"}}}""");
        Same("""{"a":{"x":{"timestamp":1700000000}},"b":{"timestamp":1700000000}}""", shadow.Get()["metadata"]!["reported"]);
    }

    [Fact]
    public void A_null_section_goes_and_a_null_state_clears_both_but_keeps_the_shadow()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"desired":{"a":1},"reported":{"a":1}}}""");
        shadow.Accept("""{"state":{"desired":null}}""");
        Same("""{"reported":{"a":1}}""", shadow.Get()["state"]);
        var accepted = shadow.Accept("""{"state":null}""");
        Assert.Contains("\"state\":null", accepted.ToJsonString(), StringComparison.Ordinal);
        Same("""{"state":{},"metadata":{},"version":3,"timestamp":1700000000}""", shadow.Get());
        Same("""{"state":{},"metadata":{},"version":3}""", shadow.Body("update/documents")["current"]);
    }

    [Theory, InlineData("""{"state":{}}"""), InlineData("""{"state":{"desired":{},"reported":{}}}""")]
    public void Nothing_named_changes_nothing_but_the_version(string request)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"desired":{"a":1}}}""");
        Assert.Equal(2, (long)shadow.Accept(request)["version"]!);
        Same("""{"desired":{"a":1},"delta":{"a":1}}""", shadow.Get()["state"]);
    }

    [Fact]
    public void A_version_starts_at_one_and_grows_with_every_accepted_update()
    {
        var shadow = new ShadowUnderTest();
        Assert.Equal(1, (long)shadow.Accept("""{"state":{"reported":{"a":1}}}""")["version"]!);
        Assert.Equal(2, (long)shadow.Accept("""{"state":{"reported":{"a":1}}}""")["version"]!);
        Assert.Equal(3, (long)shadow.Accept("""{"state":{"desired":{"a":1}},"version":2}""")["version"]!);
        Same("""{"code":409,"message":"Version conflict","timestamp":1700000000,"clientToken":"c-1"}""",
            shadow.Reject("""{"state":{"desired":{"a":2}},"version":2,"clientToken":"c-1"}"""));
        Assert.Equal(4, (long)shadow.Accept("""{"state":{"desired":{"a":2}}}""")["version"]!);
    }

    [Theory, InlineData(0, false), InlineData(1, true), InlineData(2, false)]
    public void A_shadow_that_never_existed_takes_version_one_or_none(int version, bool accepted)
    {
        var shadow = new ShadowUnderTest();
        var request = Section("reported", """{"a":1}""", $",\"version\":{version}");
        if (accepted) Assert.Equal(1, (long)shadow.Accept(request)["version"]!);
        else Same("""{"code":400,"message":"Invalid version","timestamp":1700000000}""", shadow.Reject(request));
    }

    internal static Fleet.Grains.Shadows.ShadowState Reload(Fleet.Grains.Shadows.ShadowState state) =>
        System.Text.Json.JsonSerializer.Deserialize<Fleet.Grains.Shadows.ShadowState>(
            System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(state, Fleet.Grains.GrainStateJson.Options), Fleet.Grains.GrainStateJson.Options)!;
}
