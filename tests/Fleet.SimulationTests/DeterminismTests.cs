using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests;

public sealed class DeterminismTests
{
    // With several processes, jumps of the clock, a slow disk and two rollouts among them.
    [Theory, InlineData(1), InlineData(10), InlineData(43)]
    public void The_same_seed_makes_the_same_history_byte_for_byte(int seed)
    {
        using StringWriter first = new(), second = new();
        var one = SimulationRun.Of(SimulationSettings.Draw(seed), first);
        var other = SimulationRun.Of(SimulationSettings.Draw(seed), second);
        Assert.Equal(first.ToString(), second.ToString());
        Assert.Equal((one.Digest, one.Turns, one.VirtualTime), (other.Digest, other.Turns, other.VirtualTime));
    }

    [Fact]
    public void Another_seed_makes_another_history() => Assert.Equal(
        3, Enumerable.Range(1, 3).Select(seed => SimulationRun.Of(SimulationSettings.Draw(seed, devices: 5)).Digest).Distinct().Count());
}
