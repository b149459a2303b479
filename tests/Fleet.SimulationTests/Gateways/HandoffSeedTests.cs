using Fleet.SimulationTests.Gateways.Handoff;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The same seeds for every change; more by command: docs/simulation.md.</summary>
public sealed class HandoffSeedTests
{
    /// <summary>A stretch in which none of the deaths in quick succession occurs that docs/gateways.md names as not covered.</summary>
    private const int First = 1_860, Last = 2_820;

    [Fact]
    public void Wherever_its_client_goes_a_session_is_at_one_gateway_with_all_that_was_acknowledged_once_and_in_order()
    {
        for (int seed = First; seed <= Last; seed++)
        {
            string? failure = new HandoffWorld(seed).Run();
            Assert.True(failure is null, failure);
        }
    }
}
