using Fleet.Grains.Messaging;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using static Fleet.Grains.Messaging.GatewayFailoverEffect;
using static Fleet.Grains.Messaging.GatewayFailoverEvent;

namespace Fleet.UnitTests.Messaging;

/// <summary>What is left to do when gateway "dead" is: effect for effect.</summary>
public sealed class GatewayFailoverCoreTests
{
    private static readonly GatewayView OnlyA = View("a"), Both = View("a", "b");

    private GatewayFailoverStep _step = GatewayFailoverCore.Begin;

    private GatewayFailoverResult Result => Assert.IsType<GatewayFailoverState.Over>(_step.State).Result;

    [Fact]
    public void The_successor_is_asked_until_it_has_the_sessions_and_then_the_devices_are_told()
    {
        Assert.IsType<ReadView>(_step.Effect);
        Assert.Equal(new Ask("a", "dead", TimeSpan.Zero), After(new Viewed(OnlyA)));
        Assert.Equal(new Ask("a", "dead", GatewayFailoverCore.AskAgainAfter), After(UnderWay));
        Assert.Equal(new DisconnectPage(After: null), After(Done));
        Assert.Equal(["amr-1", "amr-2"], Assert.IsType<Publish>(After(Page("amr-2", "amr-1", "amr-2"))).Lost.Select(lost => lost.ClientId));
        Assert.Equal(new DisconnectPage(Thing("amr-2")), After(new Published()));
        // Those were back through another gateway.
        Assert.Equal(new DisconnectPage(Thing("amr-9")), After(Page("amr-9")));
        Assert.Null(After(NoMore));
        Assert.Equal(new GatewayFailoverResult.Done(2), Result);
    }

    [Fact]
    public void Without_a_gateway_that_lives_nothing_is_done()
    {
        Assert.Null(After(new Viewed(View())));
        Assert.IsType<GatewayFailoverResult.NoGateway>(Result);
    }

    [Fact]
    public void A_gateway_that_has_the_sessions_already_is_asked_in_its_place()
    {
        After(new Viewed(OnlyA));
        Assert.IsType<ReadView>(After(Elsewhere("b")));
        // It was none yet when the fail-over began.
        Assert.Equal(new Ask("b", "dead", TimeSpan.Zero), After(new Viewed(Both)));
        After(Done);
        Assert.Equal("b", Assert.IsType<Publish>(After(Page("amr-1", "amr-1"))).Successor);
    }

    [Fact]
    public void What_a_successor_that_is_dead_too_has_left_is_taken_over_first()
    {
        After(new Viewed(OnlyA));
        After(Elsewhere("b"));
        Assert.Equal(new Ask("a", "b", TimeSpan.Zero), After(new Viewed(OnlyA with { Dead = ["b", "dead"] })));
        Assert.Equal(new Ask("a", "b", GatewayFailoverCore.AskAgainAfter), After(UnderWay));
        Assert.Equal(new Ask("a", "dead", TimeSpan.Zero), After(Done));
        Assert.Equal(new DisconnectPage(After: null), After(Done));
    }

    [Fact]
    public void A_gateway_that_has_begun_with_the_sessions_and_is_about_to_join_is_not_taken_for_dead()
    {
        After(new Viewed(OnlyA));
        After(Elsewhere("b"));
        Assert.Equal(new ReadView(GatewayFailoverCore.LookAgainAfter), After(new Viewed(OnlyA)));
        Assert.Equal(new Ask("b", "dead", TimeSpan.Zero), After(new Viewed(Both)));
    }

    [Fact]
    public void A_gateway_that_has_begun_with_the_sessions_and_does_not_join_is_dead()
    {
        After(new Viewed(OnlyA));
        After(Elsewhere("b"));
        for (int looks = 1; looks < GatewayFailoverCore.MaxLooks; looks++) Assert.IsType<ReadView>(After(new Viewed(OnlyA)));
        Assert.Equal(new Ask("a", "b", TimeSpan.Zero), After(new Viewed(OnlyA)));
    }

    [Fact]
    public void Who_is_sent_from_successor_to_successor_gives_up()
    {
        After(new Viewed(OnlyA));
        for (int i = 1; i < GatewayFailoverCore.MaxSuccessors; i++)
        {
            Assert.IsType<ReadView>(After(Elsewhere(i % 2 == 0 ? "a" : "b")));
            Assert.IsType<Ask>(After(new Viewed(Both)));
        }
        Assert.Null(After(Elsewhere("b")));
        Assert.IsType<GatewayFailoverResult.GoesRound>(Result);
    }

    [Fact]
    public void A_device_that_cannot_be_asked_keeps_none_of_the_others_and_is_left_for_the_next_time()
    {
        After(new Viewed(OnlyA));
        After(Done);
        var failure = new TimeoutException();
        Assert.Single(Assert.IsType<Publish>(After(Page("amr-2", "amr-1") with { Failure = failure })).Lost);
        After(new Published());
        Assert.IsType<Publish>(After(Page("amr-3", "amr-3")));
        After(new Published());
        Assert.Null(After(NoMore));
        Assert.Equal(new GatewayFailoverResult.DevicesLeft(failure), Result);
    }

    [Fact]
    public void A_fail_over_that_failed_is_tried_again_after_a_while_also_when_the_clock_was_set_back()
    {
        var noon = DateTimeOffset.UnixEpoch.AddYears(60);
        var failovers = new GatewayFailovers().Finished("gw-1");
        Assert.True(failovers.MayTry(noon));
        Assert.Equal(["gw-2"], failovers.Left(["gw-1", "gw-2"]));
        failovers = failovers.Failed(noon);
        Assert.False(failovers.MayTry(noon.AddSeconds(4)));
        Assert.True(failovers.MayTry(noon.AddSeconds(5)));
        Assert.True(failovers.MayTry(noon.AddHours(-1)));
    }

    [Fact]
    public void A_gateway_that_dies_as_the_clock_is_set_back_is_noticed_as_soon_as_any_other()
    {
        var noon = DateTimeOffset.UnixEpoch.AddYears(60);
        var beats = new GatewayBeats();
        beats.Silent(OnlyA.Gateways, noon);
        var earlier = noon.AddHours(-1);
        for (int second = 0; second < 10; second++) Assert.Empty(beats.Silent(OnlyA.Gateways, earlier.AddSeconds(second)));
        Assert.Equal(["a"], beats.Silent(OnlyA.Gateways, earlier + GatewayLiveness.DeadAfter));
    }

    private static Answered UnderWay => new(new FailoverProgress.UnderWay());

    private static Answered Done => new(new FailoverProgress.Done());

    private static Disconnected NoMore => new([], Last: null, Failure: null);

    private GatewayFailoverEffect? After(GatewayFailoverEvent e)
    {
        _step = GatewayFailoverCore.Decide("dead", _step.State, e);
        return _step.Effect;
    }

    private static Answered Elsewhere(string gateway) => new(new FailoverProgress.Elsewhere(gateway));

    private static Disconnected Page(string last, params string[] lost) =>
        new([.. lost.Select(thing => new LostSession(thing, "s", null, new(1), null))], Thing(last), Failure: null);

    private static ThingName Thing(string name) => ThingName.TryParse(name, out var thing) ? thing : throw new ArgumentException(name);

    private static GatewayView View(params string[] living) =>
        new(1, [.. living.Select((id, i) => new GatewayMember(id, i, null))], ["dead"]);
}
