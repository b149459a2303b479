namespace Fleet.ConformanceTests;

public sealed class CallsOnGrainHost : CallTests<DeterministicHost>;

public sealed class CallsOnSilo : CallTests<OrleansHost>;

public abstract class CallTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task An_exception_reaches_the_caller_with_type_and_stack()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var atOnce = await Assert.ThrowsAsync<InvalidDataException>(worker.ThrowAtOnce);
        var later = await Assert.ThrowsAsync<InvalidDataException>(worker.ThrowLater);
        Assert.Contains("WorkerGrain.ThrowAtOnce", atOnce.StackTrace, StringComparison.Ordinal);
        Assert.Contains("WorkerGrain.ThrowLater", later.StackTrace, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_grain_goes_on_after_an_exception()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        int before = await worker.ActivationNumber();
        await Assert.ThrowsAsync<InvalidDataException>(worker.ThrowAtOnce);
        Assert.Equal(before, await worker.ActivationNumber());
    }

    [Fact]
    public async Task A_one_way_call_returns_before_it_has_run_and_never_fails()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        await worker.HoldOneWay("posted");
        await worker.ThrowOneWay();
        await host.Journal.Until("posted begins");
        host.Journal.Happen("release posted");
        await worker.Note("after");
        Assert.Equal(["one activated", "posted begins", "posted ends", "after"], host.Journal.Lines);
    }

    [Fact]
    public async Task A_call_without_an_answer_times_out()
    {
        await using var host = await Start(HostSettings.Impatient);
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        host.Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(held.IsCompleted);
        host.Time.Advance(TimeSpan.FromSeconds(0.1));
        var timeout = await Assert.ThrowsAsync<TimeoutException>(() => held);
        Assert.Contains("worker/one", timeout.Message, StringComparison.Ordinal);

        // The request itself runs on, and those behind it wait for it.
        var after = worker.Note("after");
        host.Journal.Happen("release held");
        await after;
        Assert.Equal(["held ends", "after"], host.Journal.Lines.TakeLast(2));
    }

    [Fact]
    public async Task A_method_may_have_a_time_out_of_its_own()
    {
        await using var host = await Start();
        var held = host.Grains.GetGrain<IWorkerGrain>("one").HoldBriefly("held");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<TimeoutException>(() => held);
    }

    [Fact]
    public async Task A_request_that_timed_out_while_it_waited_is_not_run()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        var waiting = worker.HoldBriefly("waiting");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<TimeoutException>(() => waiting);
        host.Journal.Happen("release held");
        await held;
        await worker.Note("after");
        Assert.DoesNotContain("waiting begins", host.Journal.Lines);
    }

    [Fact]
    public async Task Cancellation_reaches_the_grain_in_its_turn_and_the_caller_at_once()
    {
        await using var host = await Start();
        using var cancellation = new CancellationTokenSource();
        var call = host.Grains.GetGrain<IWorkerGrain>("one").HoldUntilCanceled("held", cancellation.Token);
        await host.Journal.Until("held begins");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await host.Journal.Until("held canceled, in turn: True");
    }

    [Fact]
    public async Task A_canceled_call_is_not_sent()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var canceled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.HoldUntilCanceled("held", canceled));
        await worker.Note("after");
        Assert.Equal(["one activated", "after"], host.Journal.Lines);
    }

    [Fact]
    public async Task A_call_that_is_canceled_while_it_waits_ends_at_once_and_leaves_no_request_behind()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        using var cancellation = new CancellationTokenSource();
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        var waiting = worker.HoldUntilCanceled("waiting", cancellation.Token);
        await worker.HoldInterleavingOnce(host);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.False(held.IsCompleted);
        host.Journal.Happen("release held");
        await held;
        // Where the cancellation comes after the request has begun, the grain hears of it: either way the next one has its turn.
        await worker.Note("after");
    }
}
