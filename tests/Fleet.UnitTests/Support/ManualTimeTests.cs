namespace Fleet.UnitTests.Support;

public sealed class ManualTimeTests
{
    private readonly ManualTime _time = new();
    private readonly List<string> _fired = [];

    [Fact]
    public void Timers_fire_in_the_order_they_are_due_each_at_its_time()
    {
        Timer("late", due: 3);
        Timer("early", due: 1);
        Timer("early too", due: 1);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["early at 1", "early too at 1", "late at 3"], _fired);
    }

    [Fact]
    public void A_periodic_timer_fires_each_period()
    {
        Timer("tick", due: 1, period: 2);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["tick at 1", "tick at 3", "tick at 5"], _fired);
    }

    [Fact]
    public void A_timer_that_is_set_by_another_fires_in_the_same_advance()
    {
        using var first = _time.CreateTimer(_ => Timer("second", due: 1), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["second at 2"], _fired);
    }

    [Fact]
    public void A_disposed_or_disarmed_timer_does_not_fire()
    {
        Timer("disposed", due: 1).Dispose();
        Timer("disarmed", due: 1).Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Empty(_fired);
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public async Task Delays_follow_the_clock()
    {
        var delay = Task.Delay(TimeSpan.FromMinutes(1), _time);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(delay.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await delay;
        Assert.Equal(TimeSpan.FromMinutes(1), _time.GetElapsedTime(new ManualTime().GetTimestamp()));
    }

    private ITimer Timer(string name, int due, int? period = null) => _time.CreateTimer(
        _ => _fired.Add($"{name} at {(_time.GetUtcNow() - new ManualTime().GetUtcNow()).TotalSeconds}"),
        null,
        TimeSpan.FromSeconds(due),
        period is { } seconds ? TimeSpan.FromSeconds(seconds) : Timeout.InfiniteTimeSpan);
}
