using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Engine;

/// <summary>What the embedded engine promises beyond Orleans: calls keep their order, what is cancelled in time is not run, idleness follows the clock.</summary>
public sealed class EmbeddedPromiseTests
{
    [Fact]
    public async Task Calls_of_one_caller_arrive_in_order()
    {
        await using var engine = await TestEngine.Start();
        var grain = engine.Grains.GetGrain<IHoldingGrain>("one");
        string[] lines = [.. Enumerable.Range(0, 1_000).Select(i => $"line {i}")];
        await Task.WhenAll(lines.Select(grain.Note));
        Assert.Equal(lines, engine.Journal.Lines);
    }

    [Fact]
    public async Task Requests_that_wait_when_a_grain_is_deactivated_go_to_the_next_activation_in_order()
    {
        await using var engine = await TestEngine.Start();
        var grain = engine.Grains.GetGrain<IHoldingGrain>("one");
        var held = grain.Hold("held");
        await engine.Journal.Until("held begins");
        string[] notes = [.. Enumerable.Range(0, 50).Select(i => $"note {i}")];
        Task[] calls = [held, grain.DeactivateNow(), .. notes.Select(grain.Note)];
        engine.Journal.Happen("release held");
        await Task.WhenAll(calls);
        Assert.Equal(["held begins", "deactivated: ApplicationRequested", .. notes], engine.Journal.Lines);
    }

    [Fact]
    public async Task Calls_are_neither_lost_nor_reordered_by_deactivations()
    {
        await using var engine = await TestEngine.Start();
        var grain = engine.Grains.GetGrain<IHoldingGrain>("one");
        List<Task> calls = [];
        for (int i = 0; i < 2_000; i++)
        {
            calls.Add(grain.Note($"note {i}"));
            if (i % 7 == 0) calls.Add(grain.DeactivateNow());
        }
        await Task.WhenAll(calls);
        Assert.Equal(
            Enumerable.Range(0, 2_000).Select(i => $"note {i}"),
            engine.Journal.Lines.Where(line => line.StartsWith("note", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_stopped_engine_refuses_calls()
    {
        await using var engine = await TestEngine.Start();
        await engine.Stop();
        await Assert.ThrowsAsync<SiloUnavailableException>(() => engine.Grains.GetGrain<IHoldingGrain>("one").Note("late"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Ticks_count_as_use_only_if_they_are_to_keep_the_grain_alive(bool keepAlive)
    {
        await using var engine = await TestEngine.Start();
        var grain = engine.Grains.GetGrain<IHoldingGrain>("one");
        await grain.TickAfter(TimeSpan.FromMinutes(10), keepAlive);
        engine.Time.Advance(TimeSpan.FromMinutes(10));
        await engine.Journal.Until("tick");
        engine.Time.Advance(TimeSpan.FromMinutes(10));
        if (!keepAlive)
        {
            // The tick's own turn may still have been under way; a sweep that comes later finds it over.
            engine.Time.Advance(TimeSpan.FromMinutes(10));
            await engine.Journal.Until("deactivated: ActivationIdle");
        }
        await grain.Note("after");
        Assert.Equal(keepAlive ? ["tick", "after"] : ["tick", "deactivated: ActivationIdle", "after"], engine.Journal.Lines);
    }

    [Fact]
    public async Task A_call_that_is_canceled_while_it_waits_is_not_run()
    {
        await using var engine = await TestEngine.Start();
        var grain = engine.Grains.GetGrain<IHoldingGrain>("one");
        using var cancellation = new CancellationTokenSource();
        var held = grain.Hold("held");
        var waiting = grain.HoldFor("waiting", cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        engine.Journal.Happen("release held");
        await held;
        await grain.Note("after");
        Assert.Equal(["held begins", "after"], engine.Journal.Lines);
    }

    [Fact]
    public async Task A_reference_to_a_grain_through_an_interface_it_lacks_is_refused()
    {
        await using var engine = await TestEngine.Start();
        Assert.Throws<InvalidCastException>(() => engine.Grains.GetGrain<IHoldingGrain>("one").AsReference<IRemindable>());
    }
}
