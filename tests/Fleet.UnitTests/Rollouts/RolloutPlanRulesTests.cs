using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutPlanRulesTests
{
    public static TheoryData<string, RolloutRequest> Wrong()
    {
        var data = new TheoryData<string, RolloutRequest>
        {
            { "name", Given.Request() with { Name = "" } },
            { "name", Given.Request() with { Name = new string('x', 129) } },
            { "target", Given.Request() with { Target = new(null, null) } },
            { "target", Given.Request() with { Target = new("model:amr", [Given.Thing(1)]) } },
            { "target.things", Given.Request() with { Target = new(null, []) } },
            { "target.things", Given.Request() with { Target = new(null, [Given.Thing(1), Given.Thing(1)]) } },
            { "target.things", Given.Request() with { Target = new(null, [.. Enumerable.Range(0, 1001).Select(Given.Thing)]) } },
        };
        void Plan(string field, RolloutPlan plan) => data.Add($"plan.{field}", Given.Request(plan));
        Plan("phases", Given.Plan with { Phases = [] });
        Plan("phases[0].percent", Given.Plan with { Phases = [new(0), new(100)] });
        Plan("phases[0].percent", Given.Plan with { Phases = [new(double.NaN), new(100)] });
        Plan("phases[1].percent", Given.Plan with { Phases = [new(50), new(101)] });
        Plan("phases[1].percent", Given.Plan with { Phases = [new(50), new(50), new(100)] });
        Plan("phases[1].percent", Given.Plan with { Phases = [new(50), new(10), new(100)] });
        Plan("phases[1].percent", Given.Plan with { Phases = [new(50), new(99)] });
        Plan("rate.basePerMinute", Given.Plan with { Rate = Given.Plan.Rate with { BasePerMinute = 0 } });
        Plan("rate.maximumPerMinute", Given.Plan with { Rate = Given.Plan.Rate with { MaximumPerMinute = 59 } });
        Plan("rate.incrementFactor", Given.Plan with { Rate = Given.Plan.Rate with { IncrementFactor = double.NaN } });
        Plan("rate.incrementFactor", Given.Plan with { Rate = Given.Plan.Rate with { IncrementFactor = 5.1, EverySucceeded = 1 } });
        Plan("rate.every", Given.Plan with { Rate = Given.Plan.Rate with { IncrementFactor = 2 } });
        Plan("rate.every.succeeded", Given.Plan with { Rate = Given.Plan.Rate with { IncrementFactor = 2, EverySucceeded = 0 } });
        Plan("concurrency.total", Given.Plan with { ConcurrencyTotal = 0 });
        Plan("gates[0].thresholdPercent", Given.Plan with { Gates = [new(GateFailure.Any, 0, 1, GateAction.Pause)] });
        Plan("gates[1].thresholdPercent", Given.Plan with { Gates = [new(GateFailure.Any, 1, 1, GateAction.Pause), new(GateFailure.Any, double.NaN, 1, GateAction.Pause)] });
        Plan("gates[0].minimumExecuted", Given.Plan with { Gates = [new(GateFailure.Any, 1, 0, GateAction.Pause)] });
        Plan("gates[0].failure", Given.Plan with { Gates = [new((GateFailure)9, 1, 1, GateAction.Pause)] });
        Plan("deadlines.queued", Given.Plan with { Deadlines = Given.Plan.Deadlines with { Queued = TimeSpan.Zero } });
        Plan("deadlines.installing", Given.Plan with { Deadlines = Given.Plan.Deadlines with { Installing = TimeSpan.FromDays(366) } });
        Plan("proof.healthyFor", Given.Plan with { Proof = new(true, Given.Plan.Deadlines.Confirming) });
        Plan("proof.healthyFor", Given.Plan with { Proof = new(true, TimeSpan.FromSeconds(-1)) });
        Plan("proof.healthyFor", Given.Plan with { Proof = new(false, TimeSpan.FromSeconds(1)) });
        return data;
    }

    [Theory, MemberData(nameof(Wrong))]
    internal void What_is_wrong_is_named_by_its_path(string field, RolloutRequest request) => Assert.Equal(field, RolloutPlanRules.Check(request)?.Field);

    [Fact]
    public void The_designs_own_example_is_right() => Assert.Null(RolloutPlanRules.Check(Given.Request(Given.Plan with
    {
        Phases = [new(1), new(10), new(100)],
        Rate = new() { BasePerMinute = 50, IncrementFactor = 2, EverySucceeded = 1000, MaximumPerMinute = 10000 },
        ConcurrencyTotal = 5000,
        Gates = [new(GateFailure.Rejected, 10, 50, GateAction.Abort)],
        Deadlines = new(TimeSpan.FromDays(7), TimeSpan.FromHours(1), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(15)),
        Proof = new(true, TimeSpan.FromMinutes(5)),
    })));
}
