namespace Fleet.SimulationTests.Kernel;

public sealed class VirtualClockTests
{
    private readonly VirtualClock _clock = new();
    private readonly SeededTurns _turns = new(new Random(1));
    private readonly List<string> _fired = [];

    [Fact]
    public void Timers_fire_in_the_order_they_are_due_those_of_one_instant_in_the_order_they_were_set()
    {
        var time = Process();
        time.After(TimeSpan.FromSeconds(2), () => _fired.Add("late"));
        time.After(TimeSpan.FromSeconds(1), () => _fired.Add("early"));
        time.After(TimeSpan.FromSeconds(1), () => _fired.Add("early too"));
        time.After(TimeSpan.FromSeconds(1), () => _fired.Add("never")).Dispose();
        RunAll();
        Assert.Equal(["early", "early too", "late"], _fired);
        Assert.Equal(TimeSpan.FromSeconds(2), _clock.Elapsed);
    }

    [Fact]
    public void A_dead_process_does_nothing_any_more()
    {
        var (dies, lives) = (Process(), Process());
        dies.After(TimeSpan.FromSeconds(1), () => _fired.Add("dead"));
        lives.After(TimeSpan.FromSeconds(2), () => _fired.Add("alive"));
        dies.Process.IsDead = true;
        RunAll();
        Assert.Equal(["alive"], _fired);
    }

    [Fact]
    public void The_wall_clock_jumps_and_timers_do_not()
    {
        var time = Process();
        var (before, stamp) = (time.GetUtcNow(), time.GetTimestamp());
        time.After(TimeSpan.FromSeconds(10), () => _fired.Add("due"));
        _clock.WallOffset = TimeSpan.FromHours(-1);
        RunAll();
        Assert.Equal(TimeSpan.FromSeconds(10) - TimeSpan.FromHours(1), time.GetUtcNow() - before);
        Assert.Equal(TimeSpan.FromSeconds(10), time.GetElapsedTime(stamp));
        Assert.Equal(["due"], _fired);
    }

    [Fact]
    public void A_callback_that_fails_is_not_forgotten()
    {
        Process().After(TimeSpan.Zero, () => throw new InvalidOperationException("x"));
        RunAll();
        Assert.Equal("x", _clock.Failure?.Message);
    }

    private VirtualClock.ProcessTime Process() => new(_clock, new(_turns));

    private void RunAll()
    {
        do { while (_turns.TryRunOne()) { } }
        while (_clock.Advance());
    }
}
