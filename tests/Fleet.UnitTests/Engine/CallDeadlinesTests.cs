namespace Fleet.UnitTests.Engine;

public sealed class CallDeadlinesTests
{
    [Fact]
    public async Task Calls_time_out_each_at_its_own_time()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IHoldingGrain>("one");
        var first = worker.Hold("first");
        engine.Time.Advance(TimeSpan.FromSeconds(10));
        var second = worker.Hold("second");
        engine.Time.Advance(TimeSpan.FromSeconds(20));
        await Assert.ThrowsAsync<TimeoutException>(() => first);
        Assert.False(second.IsCompleted);
        engine.Time.Advance(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<TimeoutException>(() => second);
    }
}
