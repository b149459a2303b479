using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class ActivationsOnGrainHost : ActivationTests<DeterministicHost>;

public sealed class ActivationsOnSilo : ActivationTests<OrleansHost>;

public abstract class ActivationTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task A_grain_is_activated_once_by_its_first_call()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        Assert.Empty(host.Journal.Lines);
        var numbers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(worker.ActivationNumber)));
        Assert.Single(numbers.Distinct());
        Assert.Equal(["one activated"], host.Journal.Lines);
    }

    [Fact]
    public async Task A_failed_activation_reaches_the_caller_and_a_later_call_tries_again()
    {
        await using var host = await Start();
        var fragile = host.Grains.GetGrain<IFragileGrain>("one");
        var call = fragile.Ask();
        host.Journal.Happen("fail");
        await Assert.ThrowsAsync<InvalidDataException>(() => call);
        // Orleans answers with the same failure for five seconds more.
        host.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("up", await fragile.Ask());
    }

    [Fact]
    public async Task A_failed_constructor_reaches_the_caller()
    {
        await using var host = await Start();
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(host.Grains.GetGrain<IFragileGrain>("broken").Ask);
        Assert.IsType<InvalidDataException>(failure.InnerException);
    }

    [Fact]
    public async Task An_activation_that_takes_too_long_fails_its_callers()
    {
        await using var host = await Start(new() { ActivationTimeout = TimeSpan.FromSeconds(1) });
        var call = host.Grains.GetGrain<IFragileGrain>("one").Ask();
        await host.Journal.Until("activating");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public async Task Deactivation_on_request_runs_before_the_next_activation()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        int before = await worker.ActivationNumber();
        await worker.DeactivateNow();
        Assert.NotEqual(before, await worker.ActivationNumber());
        Assert.Equal(["one activated", "one deactivated: ApplicationRequested", "one activated"], host.Journal.Lines);
    }

    [Fact]
    public async Task Requests_that_wait_when_a_grain_is_deactivated_run_once_each()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        string[] notes = [.. Enumerable.Range(10, 50).Select(i => $"note {i}")];
        Task[] calls = [held, worker.DeactivateNow(), .. notes.Select(worker.Note)];
        host.Journal.Happen("release held");
        await Task.WhenAll(calls);
        Assert.Equal(notes, host.Journal.Lines.Where(line => line.StartsWith("note", StringComparison.Ordinal)).Order());
        await host.Journal.Until("one deactivated: ApplicationRequested");
    }

    [Fact]
    public async Task An_idle_grain_is_deactivated_after_the_collection_age()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        int before = await worker.ActivationNumber();
        await host.PassIdly(TimeSpan.FromMinutes(14));
        Assert.Equal(before, await worker.ActivationNumber());
        await host.PassIdly(TimeSpan.FromMinutes(17));
        await host.Journal.Until("one deactivated: ActivationIdle");
        Assert.NotEqual(before, await worker.ActivationNumber());
    }

    [Fact]
    public async Task A_grain_that_runs_a_request_is_not_idle()
    {
        await using var host = await Start(new() { ResponseTimeout = Timeout.InfiniteTimeSpan });
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        var held = worker.Hold("held");
        await host.Journal.Until("held begins");
        await host.PassIdly(TimeSpan.FromHours(1));
        host.Journal.Happen("release held");
        await held;
        await worker.Note("after");
        Assert.Equal(["one activated", "held begins", "held ends", "after"], host.Journal.Lines);
    }

    [Fact]
    public async Task Deactivation_can_be_delayed_and_allowed_again()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        int before = await worker.ActivationNumber();
        await worker.Stay(TimeSpan.MaxValue);
        await host.PassIdly(TimeSpan.FromHours(1));
        Assert.Equal(before, await worker.ActivationNumber());
        await worker.Stay(TimeSpan.FromSeconds(-2));
        await host.PassIdly(TimeSpan.FromMinutes(17));
        await host.Journal.Until("one deactivated: ActivationIdle");
    }

    [Fact]
    public async Task Stopping_deactivates_all_grains_and_refuses_calls()
    {
        await using var host = await Start();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => host.Grains.GetGrain<IWorkerGrain>($"w{i}").ActivationNumber()));
        var grain = host.Grains.GetGrain<IWorkerGrain>("w0");
        await host.Stop();
        Assert.Equal(20, host.Journal.Lines.Count(line => line.EndsWith("deactivated: ShuttingDown", StringComparison.Ordinal)));
        await Assert.ThrowsAnyAsync<Exception>(grain.ActivationNumber);
    }
}

public interface IFragileGrain : IGrainWithStringKey
{
    Task<string> Ask();
}

/// <summary>Fails its first activation when the test says so; the one called "broken" cannot even be constructed.</summary>
internal sealed class FragileGrain : Grain, IFragileGrain
{
    private readonly Journal _journal;

    public FragileGrain(Journal journal, IGrainContext context)
    {
        _journal = journal;
        if (context.GrainId.Key.ToString() == "broken") throw new InvalidDataException("broken");
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_journal.Lines.Contains("activating")) return;
        _journal.Write("activating");
        await _journal.Until("fail").WaitAsync(cancellationToken);
        throw new InvalidDataException("failed");
    }

    public Task<string> Ask() => Task.FromResult("up");
}
