using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

public sealed class RuleCoreTests
{
    private static readonly RuleState Made = RuleCore.Put(new RuleState(), Given.Rule, Given.Definition, null, Given.Noon).Next!;

    [Fact]
    public void A_rule_is_made_enabled_and_changed_by_version()
    {
        Assert.Equal((1, true, Given.Noon), (Made.Version, Made.Enabled, Made.CreatedAt));
        var later = Given.Noon.AddHours(1);
        var changed = RuleCore.Put(Made, Given.Rule, Given.Definition with { Concurrency = 3 }, 1, later);
        Assert.Equal((2, Given.Noon, later), (changed.Next!.Version, changed.Next.CreatedAt, changed.Next.ChangedAt));
        Assert.Equal(new RuleResult.Stored(changed.Next.ToView()!, Created: false), changed.Result);
        Assert.Equal(new RuleResult.VersionConflict(2), RuleCore.Put(changed.Next, Given.Rule, Given.Definition, 1, later).Result);
        Assert.Equal(new RuleResult.VersionConflict(2), RuleCore.Put(changed.Next, Given.Rule, Given.Definition, 0, later).Result);
        Assert.Equal(new RuleResult.VersionConflict(0), RuleCore.Put(new RuleState(), Given.Rule, Given.Definition, 1, later).Result);
    }

    [Fact]
    public void A_repeat_changes_nothing()
    {
        var repeat = Given.Webhook("https://ingest.example.com/t");
        var decision = RuleCore.Put(Made, Given.Rule, repeat, null, Given.Noon.AddHours(1));
        Assert.Null(decision.Next);
        Assert.Equal(new RuleResult.Stored(Made.ToView()!, Created: false), decision.Result);
        Assert.NotNull(RuleCore.Put(Made, Given.Rule, Given.Webhook("https://ingest.example.com/t", headers: ("A", "b")), null, Given.Noon).Next);
    }

    [Fact]
    public void A_replaced_rule_that_was_disabled_stays_so()
    {
        var disabled = RuleCore.SetEnabled(Made, false, Given.Noon).Next!;
        Assert.Equal((2, false), (disabled.Version, disabled.Enabled));
        Assert.False(RuleCore.Put(disabled, Given.Rule, Given.Definition with { Concurrency = 1 }, null, Given.Noon).Next!.Enabled);
        Assert.Null(RuleCore.SetEnabled(disabled, false, Given.Noon).Next);
        Assert.Equal(new RuleResult.NotFound(), RuleCore.SetEnabled(new RuleState(), true, Given.Noon).Result);
    }

    [Fact]
    public void A_deleted_rule_leaves_its_version_behind()
    {
        var deleted = RuleCore.Delete(Made, 1, Given.Noon).Next!;
        Assert.Equal((2, true, null), (deleted.Version, deleted.Dropping, deleted.ToCatalogRow()));
        Assert.Equal(new RuleResult.NotFound(), RuleCore.Delete(deleted, null, Given.Noon).Result);
        var again = RuleCore.Put(deleted, Given.Rule, Given.Definition, 0, Given.Noon.AddDays(1)).Next!;
        Assert.Equal((3, true, Given.Noon.AddDays(1)), (again.Version, again.Enabled, again.CreatedAt));
    }

    [Theory]
    [InlineData("https://example.com/hook", null)]
    [InlineData("http://127.0.0.1:8080/", null)]
    [InlineData("http://[::1]/", null)]
    [InlineData("http://localhost/", null)]
    [InlineData("http://example.com/", "action.webhook.url")]
    [InlineData("http://localhost.example.com/", "action.webhook.url")]
    [InlineData("ftp://example.com/", "action.webhook.url")]
    [InlineData("file:///etc/passwd", "action.webhook.url")]
    [InlineData("/relative", "action.webhook.url")]
    [InlineData("https://user:password@example.com/", "action.webhook.url")]
    [InlineData("https://example.com/#part", "action.webhook.url")]
    public void An_action_is_https_or_loopback(string url, string? wrong) =>
        Assert.Equal(wrong, RuleChecks.Check(Given.Webhook(url), new RuleOptions())?.Field);

    [Fact]
    public void Plain_http_can_be_allowed() =>
        Assert.Null(RuleChecks.Check(Given.Webhook("http://example.com/"), new RuleOptions { AllowHttp = true }));

    [Theory]
    [InlineData("X-Key", "a b", null)]
    [InlineData("Authorization", "Bearer x", null)]
    [InlineData("Host", "x", "action.headers.Host")]
    [InlineData("content-type", "x", "action.headers.content-type")]
    [InlineData("Fleet-Rule", "x", "action.headers.Fleet-Rule")]
    [InlineData("X-Key", "a\r\nb", "action.headers.X-Key")]
    [InlineData("X Key", "a", "action.headers.X Key")]
    public void Headers_are_of_the_operators_own_and_cannot_break_the_request(string name, string value, string? wrong) =>
        Assert.Equal(wrong, RuleChecks.Check(Given.Webhook("https://x", null, (name, value)), new RuleOptions())?.Field);

    [Fact]
    public void Bounds_are_named_by_their_member()
    {
        foreach (var (definition, field) in new[]
                 {
                     (Given.Definition with { Timeout = TimeSpan.FromSeconds(61) }, "timeout"),
                     (Given.Definition with { MaxAttempts = 0 }, "maxAttempts"),
                     (Given.Definition with { MaxAge = TimeSpan.FromDays(15) }, "maxAge"),
                     (Given.Definition with { Concurrency = 65 }, "concurrency"),
                     (Given.Webhook("https://x", "short"), "action.secret"),
                     (Given.Definition with { Action = new RuleAction.Function("http://localhost:4566", "a/b", Given.NoHeaders, null) }, "action.function.name"),
                     (Given.Definition with { Action = new RuleAction.Function("https://x/?a=b", "f", Given.NoHeaders, null) }, "action.function.endpoint"),
                 })
        {
            Assert.Equal(field, RuleChecks.Check(definition, new RuleOptions())?.Field);
        }
    }

    [Fact]
    public void What_the_registry_knows_is_overtaken_by_versions_alone()
    {
        var route = Made.Route;
        var state = RuleRegistryCore.Set(new RuleRegistryState(), route);
        Assert.Same(state, RuleRegistryCore.Set(state, route));
        var disabled = RuleRegistryCore.Set(state, route with { Version = 2, Enabled = false });
        Assert.Equal((2, 0), (disabled.Version, disabled.Table.Rules.Length));
        Assert.Same(disabled, RuleRegistryCore.Set(disabled, route));
        Assert.Same(disabled, RuleRegistryCore.Remove(disabled, route.Name, 2));
        Assert.Empty(RuleRegistryCore.Remove(disabled, route.Name, 3).Rules);
    }
}
