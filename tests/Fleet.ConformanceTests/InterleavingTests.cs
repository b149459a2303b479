namespace Fleet.ConformanceTests;

public sealed class InterleavingOnGrainHost : InterleavingTests<DeterministicHost>;

public sealed class InterleavingOnSilo : InterleavingTests<OrleansHost>;

public abstract class InterleavingTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task An_interleaving_request_runs_beside_any_other()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        host.Journal.Happen("release query");
        await worker.HoldInterleaving("query");
        Assert.False(held.IsCompleted);
        host.Journal.Happen("release held");
        await held;
    }

    [Fact]
    public async Task A_request_does_not_wait_for_interleaving_ones()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var query = worker.HoldInterleaving("query");
        await host.Journal.Until("query begins");
        host.Journal.Happen("release held");
        await worker.Hold("held");
        Assert.False(query.IsCompleted);
        host.Journal.Happen("release query");
        await query;
    }

    [Fact]
    public async Task Read_only_requests_run_side_by_side()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var first = worker.HoldReadOnly("first");
        await host.Journal.Until("first begins");
        var second = worker.HoldReadOnly("second");
        await host.Journal.Until("second begins");
        host.Journal.Happen("release first");
        host.Journal.Happen("release second");
        await Task.WhenAll(first, second);
    }

    [Fact]
    public async Task A_writing_request_waits_for_all_that_read()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var first = worker.HoldReadOnly("first");
        await host.Journal.Until("first begins");
        var second = worker.HoldReadOnly("second");
        await host.Journal.Until("second begins");
        var write = worker.Hold("write");
        host.Journal.Happen("release write");
        host.Journal.Happen("release first");
        await first;
        await worker.HoldInterleavingOnce(host);
        Assert.DoesNotContain("write begins", host.Journal.Lines);
        host.Journal.Happen("release second");
        await Task.WhenAll(second, write);
        Assert.Equal(["second ends", "write begins", "write ends"], host.Journal.Lines.TakeLast(3));
    }

    [Fact]
    public async Task A_reading_request_overtakes_one_that_waits_to_write()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var first = worker.HoldReadOnly("first");
        await host.Journal.Until("first begins");
        var write = worker.Hold("write");
        await worker.HoldInterleavingOnce(host);
        host.Journal.Happen("release second");
        await worker.HoldReadOnly("second");
        Assert.False(write.IsCompleted);
        host.Journal.Happen("release write");
        host.Journal.Happen("release first");
        await Task.WhenAll(first, write);
    }

    [Fact]
    public async Task A_reading_request_waits_for_one_that_writes()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var write = worker.Hold("write");
        // Of two calls that are on their way, either may come first.
        await host.Journal.Until("write begins");
        var read = worker.HoldReadOnly("read");
        host.Journal.Happen("release read");
        host.Journal.Happen("release write");
        await Task.WhenAll(write, read);
        Assert.Equal(["one activated", "write begins", "write ends", "read begins", "read ends"], host.Journal.Lines);
    }

    [Fact]
    public async Task All_requests_of_a_reentrant_grain_interleave()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IReentrantWorkerGrain>("one");
        var first = worker.Hold("first");
        await host.Journal.Until("first begins");
        host.Journal.Happen("release second");
        await worker.Hold("second");
        host.Journal.Happen("release first");
        await first;
    }

    [Fact]
    public async Task A_call_back_into_a_waiting_grain_times_out()
    {
        await using var host = await Start(HostSettings.Impatient);
        var call = host.Grains.GetGrain<IWorkerGrain>("one").CallBackThrough("two");
        // "two" calls "one", which waits for "two": once "two" is up, nothing moves but the clock.
        await host.Journal.Until("two activated");
        await host.Grains.GetGrain<IWorkerGrain>("two").HoldInterleavingOnce(host);
        host.Time.Advance(TimeSpan.FromSeconds(5));
        await Assert.ThrowsAsync<TimeoutException>(() => call.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System));
    }
}

internal static class WorkerCalls
{
    /// <summary>A turn of the grain: what it was doing before has gone as far as it could.</summary>
    public static Task HoldInterleavingOnce(this IWorkerGrain worker, TestHost host)
    {
        host.Journal.Happen("release nothing");
        return worker.HoldInterleaving("nothing");
    }
}
