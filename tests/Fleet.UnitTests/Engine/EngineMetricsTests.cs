using System.Diagnostics.Metrics;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Engine;

public sealed class EngineMetricsTests
{
    [Fact]
    public async Task Calls_are_counted_by_grain_type_and_outcome_and_activations_by_grain_type()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IHoldingGrain>("one");
        await worker.Note("1");
        await worker.Note("2");
        await Assert.ThrowsAsync<InvalidDataException>(worker.Throw);
        var held = worker.Hold("held");
        engine.Time.Advance(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<TimeoutException>(() => held);
        Assert.Equal(
            ["fleet.grain.activations holding = 1", "fleet.grain.calls holding failed = 1", "fleet.grain.calls holding succeeded = 2", "fleet.grain.calls holding timed_out = 1"],
            engine.Service<IMeterFactory>().Read("Fleet.Engine").Where(line => line.Contains("holding", StringComparison.Ordinal)));
    }
}
