using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Interfaces.Rollouts;
using Fleet.Silo.Api.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutReaderTests
{
    private const string Small = """
        {"name":"n","target":{"query":"model:amr"},"firmware":{"model":"amr","version":"2.0.0"},"plan":{"phases":[{"percent":100}]}}
        """;

    [Fact]
    public void Everything_that_is_supported_is_read()
    {
        var (request, problem) = RolloutReader.Read(Parse("""
            {"name":"2.1.0 to AMRs","target":{"things":["a","b"]},"firmware":{"model":"amr","version":"2.1.0"},
             "plan":{"phases":[{"percent":1},{"percent":100}],
              "rate":{"basePerMinute":50,"incrementFactor":2,"every":{"succeeded":1000},"maximumPerMinute":10000},
              "concurrency":{"total":5000},
              "gates":[{"failure":"timedOut","thresholdPercent":2.5,"minimumExecuted":50,"action":"abort"}],
              "deadlines":{"queued":"P7D","downloading":"PT1H","installing":"PT20M","confirming":"PT15M30S"},
              "proof":{"kind":"report","healthyFor":"PT0S"}}}
            """));
        Assert.Null(problem);
        Assert.Equal(["a", "b"], request!.Target.Things!.Value.Select(t => t.Value));
        Assert.Equal<RolloutPhase>([new RolloutPhase(1), new RolloutPhase(100)], request.Plan.Phases);
        Assert.Equal(new RolloutRate { BasePerMinute = 50, IncrementFactor = 2, EverySucceeded = 1000, MaximumPerMinute = 10000 }, request.Plan.Rate);
        Assert.Equal(5000, request.Plan.ConcurrencyTotal);
        Assert.Equal<RolloutGate>([new RolloutGate(GateFailure.TimedOut, 2.5, 50, GateAction.Abort)], request.Plan.Gates);
        Assert.Equal(new RolloutDeadlines(TimeSpan.FromDays(7), TimeSpan.FromHours(1), TimeSpan.FromMinutes(20), TimeSpan.FromSeconds(930)), request.Plan.Deadlines);
        Assert.Equal(new RolloutProof(false, TimeSpan.Zero), request.Plan.Proof);
    }

    [Fact]
    public void What_is_left_out_has_its_default_and_no_gates_have_to_be_asked_for()
    {
        var plan = RolloutReader.Read(Parse(Small)).Request!.Plan;
        Assert.Equal(PlanDefaults.Gates, plan.Gates);
        Assert.Equal((1000, 1000, PlanDefaults.Deadlines, PlanDefaults.Proof), (plan.Rate.BasePerMinute, plan.ConcurrencyTotal, plan.Deadlines, plan.Proof));
        Assert.Empty(RolloutReader.Read(With("gates", "[]")).Request!.Plan.Gates);
        Assert.Equal(1000, RolloutReader.Read(With("rate", """{"basePerMinute":5,"incrementFactor":2,"every":{"succeeded":9}}""")).Request!.Plan.Rate.MaximumPerMinute);
        Assert.Equal(5, RolloutReader.Read(With("rate", """{"basePerMinute":5}""")).Request!.Plan.Rate.MaximumPerMinute);
    }

    [Theory]
    [InlineData("phases", """[{"percent":100,"soak":"PT1H"}]""", "plan.phases[0].soak")]
    [InlineData("phases", """[{"percent":1},{"percent":100,"approval":true}]""", "plan.phases[1].approval")]
    [InlineData("concurrency", """{"total":1,"per":{"site":50}}""", "plan.concurrency.per")]
    [InlineData("gates", """[{"failure":"any","limitPercent":2,"confidence":0.95,"action":"pause"}]""", "plan.gates[0].limitPercent")]
    [InlineData("retry", "[]", "plan.retry")]
    [InlineData("window", "{}", "plan.window")]
    [InlineData("rollback", "{}", "plan.rollback")]
    [InlineData("ends", "\"2026-12-24T00:00:00Z\"", "plan.ends")]
    public void What_the_design_has_and_this_version_has_not_is_refused_as_that(string member, string value, string field) =>
        AssertRefused(With(member, value), "not-supported", field);

    [Theory]
    [InlineData("colour", "1", "plan.colour")]
    [InlineData("phases", "null", "plan.phases")]
    [InlineData("phases", "7", "plan.phases")]
    [InlineData("phases", "[7]", "plan.phases[0]")]
    [InlineData("phases", """[{"percent":"all"}]""", "plan.phases[0].percent")]
    [InlineData("phases", "[{}]", "plan.phases[0].percent")]
    [InlineData("rate", "{}", "plan.rate.basePerMinute")]
    [InlineData("rate", """{"basePerMinute":1.5}""", "plan.rate.basePerMinute")]
    [InlineData("rate", """{"basePerMinute":1,"every":{"notified":1}}""", "plan.rate.every.notified")]
    [InlineData("gates", """[{"failure":"all","thresholdPercent":1,"minimumExecuted":1,"action":"pause"}]""", "plan.gates[0].failure")]
    [InlineData("gates", """[{"failure":"any","minimumExecuted":1,"action":"pause"}]""", "plan.gates[0].thresholdPercent")]
    [InlineData("deadlines", """{"queued":"1 hour"}""", "plan.deadlines.queued")]
    [InlineData("deadlines", """{"queued":"P1M"}""", "plan.deadlines.queued")]
    [InlineData("proof", """{"healthyFor":"PT1M"}""", "plan.proof.kind")]
    public void What_is_wrong_is_refused_by_its_path(string member, string value, string field) => AssertRefused(With(member, value), "invalid-request", field);

    [Theory]
    [InlineData("[]", "invalid-request", "$")]
    [InlineData("{}", "invalid-request", "name")]
    [InlineData("""{"name":"n","target":{"group":"g"}}""", "not-supported", "target.group")]
    [InlineData("""{"name":"n","target":{"query":"firmware<2.x"}}""", "invalid-request", "target.query")]
    [InlineData("""{"name":"n","target":{"query":"model"}}""", "invalid-request", "target.query")]
    [InlineData("""{"name":"n","target":{"things":["ok","not/ok"]}}""", "invalid-request", "target.things[1]")]
    [InlineData("""{"name":"n","target":{},"firmware":{"model":"amr","version":"2"}}""", "invalid-request", "firmware.version")]
    public void So_is_the_rest_of_the_body(string body, string code, string field) => AssertRefused(Parse(body), code, field);

    [Theory, InlineData("P7D", 604800), InlineData("PT1H30M", 5400), InlineData("P1W", 604800), InlineData("PT0.5S", 0.5), InlineData("P1DT1S", 86401)]
    public void Durations_are_ISO_8601(string text, double seconds)
    {
        Assert.True(IsoDuration.TryParse(text, out var duration));
        Assert.Equal(seconds, duration.TotalSeconds);
        Assert.True(IsoDuration.TryParse(IsoDuration.Format(duration), out var again) && again == duration);
    }

    [Theory, InlineData("P"), InlineData("PT"), InlineData("7D"), InlineData("P1Y"), InlineData("P1M"), InlineData("PT1H "), InlineData("-PT1H"), InlineData("PT99999999999999999999H")]
    public void Others_are_refused(string text) => Assert.False(IsoDuration.TryParse(text, out _));

    [Fact]
    public void The_same_key_is_the_same_rollout()
    {
        Assert.Equal(RolloutIds.OfKey("k"), RolloutIds.OfKey("k"));
        Assert.NotEqual(RolloutIds.OfKey("k"), RolloutIds.OfKey("l"));
        Assert.True(string.CompareOrdinal(RolloutIds.New(Given.Noon).Value, RolloutIds.New(Given.Noon.AddSeconds(1)).Value) < 0);
    }

    [Fact]
    public void A_plan_that_is_shown_reads_as_the_same_plan()
    {
        var plan = RolloutReader.Read(Parse(Small)).Request!.Plan;
        var shown = JsonSerializer.Serialize(PlanBody.Of(plan), JsonSerializerOptions.Web);
        var again = JsonNode.Parse(Small)!;
        again["plan"] = JsonNode.Parse(shown);
        var read = RolloutReader.Read(Parse(again.ToJsonString())).Request!.Plan;
        Assert.Equal<RolloutPhase>(plan.Phases, read.Phases);
        Assert.Equal<RolloutGate>(plan.Gates, read.Gates);
        Assert.Equal((plan.Rate, plan.ConcurrencyTotal, plan.Deadlines, plan.Proof), (read.Rate, read.ConcurrencyTotal, read.Deadlines, read.Proof));
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static JsonElement With(string member, string value)
    {
        var body = JsonNode.Parse(Small)!;
        body["plan"]![member] = JsonNode.Parse(value);
        return Parse(body.ToJsonString());
    }

    private static void AssertRefused(JsonElement body, string code, string field)
    {
        var problem = RolloutReader.Read(body).Problem!.ProblemDetails;
        Assert.Equal(($"urn:fleet:error:{code}", field), (problem.Type, problem.Extensions["field"]));
    }
}
