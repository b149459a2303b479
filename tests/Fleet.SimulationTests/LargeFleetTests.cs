using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests;

/// <summary>
/// A fleet of ten shards with the bad devices that every fleet has; a hundred thousand devices are a command (docs/simulation.md).
/// </summary>
public sealed class LargeFleetTests
{
    [Fact]
    public void Ten_thousand_devices_go_through_a_rollout()
    {
        var run = SimulationRun.Of(SimulationSettings.Large(seed: 1, devices: 10_000));
        Assert.True(run.Failure is null, run.Failure);
        Assert.Contains($"r-1: {RolloutStatus.Completed}", run.Standing, StringComparison.Ordinal);
    }
}
