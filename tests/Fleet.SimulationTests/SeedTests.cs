using System.Globalization;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests;

/// <summary>A fixed set of seeds, the same for every change. Another one: FLEET_SIM_SEED; many: docs/simulation.md.</summary>
public sealed class SeedTests
{
    private const int Seeds = 60;

    public static TheoryData<int> Chosen => Environment.GetEnvironmentVariable("FLEET_SIM_SEED") is { Length: > 0 } seed
        ? new(int.Parse(seed, CultureInfo.InvariantCulture))
        : new(Enumerable.Range(1, Seeds));

    [Theory, MemberData(nameof(Chosen))]
    public void Whatever_fails_all_promises_hold_and_every_execution_ends(int seed)
    {
        var run = SimulationRun.Of(SimulationSettings.Draw(seed));
        Assert.True(run.Failure is null, run.Failure);
    }
}
