using Fleet.Gateway.Telemetry;

namespace Fleet.UnitTests.Gateway;

public sealed class StripedCounterTests
{
    [Fact]
    public void What_many_threads_add_is_all_there()
    {
        var counter = new StripedCounter();
        Parallel.For(0, 100_000, _ => counter.Add(3));
        Assert.Equal(300_000, counter.Value);
    }
}
