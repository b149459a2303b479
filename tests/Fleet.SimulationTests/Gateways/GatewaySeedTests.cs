namespace Fleet.SimulationTests.Gateways;

/// <summary>A thousand seeds, the same for every change; more by command: docs/simulation.md.</summary>
public sealed class GatewaySeedTests
{
    private const int Seeds = 1_000;

    [Fact]
    public void Whatever_happens_to_gateways_what_was_acknowledged_comes_once_and_in_order_and_every_client_finds_its_session()
    {
        foreach (int seed in Enumerable.Range(1, Seeds))
        {
            var run = GatewayRun.Of(seed);
            Assert.True(run.Failure is null, run.Failure);
        }
    }

    [Fact]
    public void The_same_seed_makes_the_same_history() => Assert.Equal(GatewayRun.Of(7, isTold: true), GatewayRun.Of(7, isTold: true));
}
