using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class TimersOnGrainHost : TimerTests<DeterministicHost>;

public sealed class TimersOnSilo : TimerTests<OrleansHost>;

public abstract class TimerTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_timer_ticks_when_due_and_then_each_period()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: 5 * Second, period: 10 * Second);
        Assert.Equal(0, await Ticks(4 * Second));
        Assert.Equal(1, await Ticks(1 * Second));
        Assert.Equal(1, await Ticks(9 * Second));
        Assert.Equal(2, await Ticks(1 * Second));

        async Task<int> Ticks(TimeSpan later)
        {
            host.Time.Advance(later);
            return await clock.Ticks();
        }
    }

    [Fact]
    public async Task A_timer_without_a_period_ticks_once()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: Second, period: Timeout.InfiniteTimeSpan);
        for (int i = 0; i < 5; i++) host.Time.Advance(Second);
        Assert.Equal(1, await clock.Ticks());
    }

    [Fact]
    public async Task A_tick_waits_for_its_turn_and_the_period_counts_from_its_end()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: Second, period: 10 * Second);
        var held = clock.Hold("held");
        await host.Journal.Until("held begins");
        host.Time.Advance(9 * Second);
        host.Journal.Happen("release held");
        await held;
        Assert.Equal(1, await clock.Ticks());
        host.Time.Advance(9 * Second);
        Assert.Equal(1, await clock.Ticks());
        host.Time.Advance(1 * Second);
        Assert.Equal(2, await clock.Ticks());
        Assert.Equal(["held begins", "held ends", "t ticks", "t ticks"], host.Journal.Lines);
    }

    [Fact]
    public async Task An_interleaving_tick_does_not_wait()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: Second, period: 10 * Second, interleave: true);
        var held = clock.Hold("held");
        await host.Journal.Until("held begins");
        host.Time.Advance(Second);
        await host.Journal.Until("t ticks");
        Assert.False(held.IsCompleted);
        host.Journal.Happen("release held");
        await held;
    }

    [Fact]
    public async Task A_failed_tick_does_not_stop_the_timer()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("fails", due: Second, period: Second);
        host.Time.Advance(Second);
        Assert.Equal(1, await clock.Ticks());
        host.Time.Advance(Second);
        Assert.Equal(2, await clock.Ticks());
    }

    [Fact]
    public async Task Changing_a_timer_in_its_tick_sets_the_next_one()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("slows down", due: Second, period: Second);
        host.Time.Advance(Second);
        Assert.Equal(1, await clock.Ticks());
        host.Time.Advance(59 * Second);
        Assert.Equal(1, await clock.Ticks());
        host.Time.Advance(Second);
        Assert.Equal(2, await clock.Ticks());
    }

    [Fact]
    public async Task A_disposed_timer_cancels_its_tick_and_ticks_no_more()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("waits", due: Second, period: Second, interleave: true);
        host.Time.Advance(Second);
        await host.Journal.Until("waits ticks");
        await clock.Stop();
        await host.Journal.Until("waits is canceled");
        host.Time.Advance(10 * Second);
        Assert.Equal(1, await clock.Ticks());
    }

    [Fact]
    public async Task Timers_end_with_the_activation()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: Second, period: Second);
        await clock.Close();
        Assert.Equal(0, await clock.Ticks());
        host.Time.Advance(10 * Second);
        Assert.Equal(0, await clock.Ticks());
        Assert.DoesNotContain("t ticks", host.Journal.Lines);
    }

    [Fact]
    public async Task A_timer_that_could_not_be_set_is_refused()
    {
        await using var host = await Start();
        var clock = host.Grains.GetGrain<IClockGrain>("one");
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => clock.Start("t", due: -Second, period: Second));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => clock.Start("t", due: Second, period: TimeSpan.FromDays(50)));
    }
}

public interface IClockGrain : IGrainWithStringKey
{
    Task Start(string name, TimeSpan due, TimeSpan period, bool interleave = false, bool keepAlive = false);

    Task Stop();

    Task<int> Ticks();

    Task Hold(string name);

    Task Close();
}

internal sealed class ClockGrain(Journal journal) : Grain, IClockGrain
{
    private IGrainTimer? _timer;
    private int _ticks;

    public Task Start(string name, TimeSpan due, TimeSpan period, bool interleave, bool keepAlive)
    {
        _timer = this.RegisterGrainTimer(
            Tick, name, new() { DueTime = due, Period = period, Interleave = interleave, KeepAlive = keepAlive });
        return Task.CompletedTask;
    }

    public Task Stop()
    {
        _timer!.Dispose();
        return Task.CompletedTask;
    }

    public Task<int> Ticks() => Task.FromResult(_ticks);

    public async Task Hold(string name)
    {
        journal.Write($"{name} begins");
        await journal.Until($"release {name}");
        journal.Write($"{name} ends");
    }

    public Task Close()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Happen("ended");
        return Task.CompletedTask;
    }

    private async Task Tick(string name, CancellationToken cancellation)
    {
        _ticks++;
        if (name == "slows down") _timer!.Change(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
        journal.Write($"{name} ticks");
        if (name == "fails") throw new InvalidDataException("tick");
        if (name != "waits") return;
        var canceled = new TaskCompletionSource();
        await using var registration = cancellation.Register(canceled.SetResult);
        await canceled.Task;
        journal.Write($"{name} is canceled");
    }
}
