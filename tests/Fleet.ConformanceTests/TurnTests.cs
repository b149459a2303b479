namespace Fleet.ConformanceTests;

public sealed class TurnsOnGrainHost : TurnTests<DeterministicHost>;

public sealed class TurnsOnSilo : TurnTests<OrleansHost>;

public abstract class TurnTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task A_request_starts_when_the_one_before_has_ended()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var first = worker.Hold("first");
        await host.Journal.Until("first begins");
        var second = worker.Hold("second");
        host.Journal.Happen("release second");
        host.Journal.Happen("release first");
        await Task.WhenAll(first, second);
        Assert.Equal(["one activated", "first begins", "first ends", "second begins", "second ends"], host.Journal.Lines);
    }

    [Fact]
    public async Task Requests_of_other_grains_run_meanwhile()
    {
        await using var host = await Start();
        var first = host.Grains.GetGrain<IWorkerGrain>("one").Hold("first");
        await host.Journal.Until("first begins");
        host.Journal.Happen("release second");
        await host.Grains.GetGrain<IWorkerGrain>("two").Hold("second");
        Assert.False(first.IsCompleted);
        host.Journal.Happen("release first");
        await first;
    }

    [Fact]
    public async Task Requests_that_await_do_not_lose_updates()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var sums = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => worker.AddSlowly(1))));
        Assert.Equal(Enumerable.Range(1, 500), sums.Order());
    }

    [Fact]
    public async Task Turns_of_a_reentrant_grain_do_not_overlap()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IReentrantWorkerGrain>("one");
        var sums = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => worker.AddSlowly(1))));
        Assert.Equal(Enumerable.Range(1, 500), sums.Order());
    }

    [Fact]
    public async Task Continuations_come_back_to_the_grains_scheduler()
    {
        await using var host = await Start();
        Assert.True(await host.Grains.GetGrain<IWorkerGrain>("one").IsInOneTurnAfterAwaits());
    }

    [Fact]
    public async Task Calls_that_are_sent_without_waiting_arrive_once_each_in_any_order()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        string[] lines = [.. Enumerable.Range(1_000, 1_000).Select(i => $"line {i}")];
        await Task.WhenAll(lines.Select(worker.Note));
        Assert.Equal([.. lines, "one activated"], host.Journal.Lines.Order(StringComparer.Ordinal));
    }
}
