namespace Fleet.ConformanceTests;

public sealed class TurnTests
{
    [Fact]
    public async Task A_request_starts_when_the_one_before_has_ended()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IWorkerGrain>("one");
        var first = worker.Hold("first");
        await engine.Journal.Until("first begins");
        var second = worker.Hold("second");
        engine.Journal.Happen("release second");
        engine.Journal.Happen("release first");
        await Task.WhenAll(first, second);
        Assert.Equal(["one activated", "first begins", "first ends", "second begins", "second ends"], engine.Journal.Lines);
    }

    [Fact]
    public async Task Requests_of_other_grains_run_meanwhile()
    {
        await using var engine = await TestEngine.Start();
        var first = engine.Grains.GetGrain<IWorkerGrain>("one").Hold("first");
        await engine.Journal.Until("first begins");
        engine.Journal.Happen("release second");
        await engine.Grains.GetGrain<IWorkerGrain>("two").Hold("second");
        Assert.False(first.IsCompleted);
        engine.Journal.Happen("release first");
        await first;
    }

    [Fact]
    public async Task Requests_that_await_do_not_lose_updates()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IWorkerGrain>("one");
        var sums = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => worker.AddSlowly(1))));
        Assert.Equal(Enumerable.Range(1, 500), sums.Order());
    }

    [Fact]
    public async Task Turns_of_a_reentrant_grain_do_not_overlap()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IReentrantWorkerGrain>("one");
        var sums = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => worker.AddSlowly(1))));
        Assert.Equal(Enumerable.Range(1, 500), sums.Order());
    }

    [Fact]
    public async Task Continuations_come_back_to_the_grains_scheduler()
    {
        await using var engine = await TestEngine.Start();
        Assert.True(await engine.Grains.GetGrain<IWorkerGrain>("one").IsInOneTurnAfterAwaits());
    }

    [Fact]
    public async Task Calls_that_are_sent_without_waiting_arrive_once_each_in_any_order()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IWorkerGrain>("one");
        string[] lines = [.. Enumerable.Range(1_000, 1_000).Select(i => $"line {i}")];
        await Task.WhenAll(lines.Select(worker.Note));
        Assert.Equal([.. lines, "one activated"], engine.Journal.Lines.Order(StringComparer.Ordinal));
    }
}
