namespace Fleet.SimulationTests.Gateways;

/// <summary>A thousand seeds, the same for every change; more by command: docs/simulation.md.</summary>
public sealed class GatewaySeedTests
{
    private const int Seeds = 1_000;

    [Fact]
    public void Whichever_gateways_die_at_whichever_step_what_was_acknowledged_is_owed_once_and_in_order()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var run = GatewaySimulationRun.Of(seed);
            Assert.True(run.Failure is null, run.Failure);
        }
    }

    [Fact]
    public void The_same_seed_makes_the_same_history() =>
        Assert.Equal(GatewaySimulationRun.Of(7, isTold: true), GatewaySimulationRun.Of(7, isTold: true));
}
