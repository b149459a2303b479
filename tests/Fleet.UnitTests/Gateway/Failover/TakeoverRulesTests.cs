using Fleet.Gateway.Failover;
using Fleet.Gateway.Journal;

namespace Fleet.UnitTests.Gateway.Failover;

/// <summary>A dead gateway's sessions go on here: event for event.</summary>
public sealed class TakeoverRulesTests
{
    private static readonly ImmutableArray<SupersededSession> Superseded = [new("plain/p", new(7))];

    private FailoverState _state = new();
    private long _now;

    private Takeover? Takeover => _state.Takeovers.GetValueOrDefault("dead");

    [Fact]
    public void What_another_gateway_has_a_newer_session_of_ends_here_when_the_takeover_is_over_and_again_when_nothing_late_is_expected()
    {
        TakeOver();
        Assert.Equal([new FailoverEffect.Supersede(Superseded)], Hear(new FailoverEvent.Recorded(0, "dead", Superseded)));
        _now += TakeoverRules.LingerMs;
        Assert.Equal(
            [new FailoverEffect.EndDedup("dead"), new FailoverEffect.CheckInStore(0, "dead", 0)], Hear(new FailoverEvent.Swept()));
        Assert.Equal([new FailoverEffect.Supersede(Superseded)], Hear(new FailoverEvent.Checked(0, "dead", Superseded)));
        Assert.Null(Takeover);
    }

    [Fact]
    public void It_is_asked_for_until_the_store_answers_and_once()
    {
        TakeOver();
        Hear(new FailoverEvent.Recorded(0, "dead", []));
        _now += TakeoverRules.LingerMs;
        Hear(new FailoverEvent.Swept());
        Assert.Empty(Hear(new FailoverEvent.Swept()));
        Assert.IsType<FailoverEffect.CheckInStore>(Assert.Single(Hear(new FailoverEvent.StoreFailed(0, "dead"))));
        Assert.NotNull(Takeover);
    }

    private void TakeOver()
    {
        Hear(new FailoverEvent.Begun("here", new(1), []));
        Hear(new FailoverEvent.AllMet());
        Hear(new FailoverEvent.Asked("dead"));
        Hear(new FailoverEvent.Claimed(0, "dead", [new LeftBehind("dead", [], [])], new StoredSessions()));
        Hear(new FailoverEvent.Moved(0, "dead"));
        Hear(new FailoverEvent.TakenIn(0, "dead"));
        Assert.Contains(Hear(new FailoverEvent.Told(0, "dead")), effect => effect is FailoverEffect.RecordInStore);
    }

    private ImmutableArray<FailoverEffect> Hear(FailoverEvent e)
    {
        (_state, var effects) = FailoverCore.Step(_state, e, _now);
        return effects;
    }
}
