using Fleet.Grains.Messaging;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Gateway;

/// <summary>Which gateways live, with a clock that the test moves.</summary>
public sealed class GatewayGrainTests : IAsyncLifetime
{
    private GrainsUnderTest _grains = null!;

    public async ValueTask InitializeAsync() => _grains = await GrainsUnderTest.Begin();

    public async ValueTask DisposeAsync() => await _grains.DisposeAsync();

    [Fact]
    public async Task A_gateway_that_falls_silent_is_taken_for_dead_within_fifteen_seconds_and_told_nothing()
    {
        var (dead, alive) = (await _grains.Join("gw-1"), await _grains.Join("gw-2"));
        await _grains.Pass(TimeSpan.FromSeconds(9), alive);
        Assert.True(await dead.Grain.IsLive());
        await dead.Grain.EndSessionsOf(Certificate('a'));
        await dead.Said($"revoked {Certificate('a')}");

        await _grains.Pass(TimeSpan.FromSeconds(6), alive);
        Assert.False(await dead.Grain.IsLive());
        Assert.Equal(["gw-2"], (await _grains.View()).Gateways.Select(gateway => gateway.Id));
        await dead.Grain.EndSessionsOf(Certificate('b'));
        Assert.Null(await dead.Beat());
        Assert.DoesNotContain($"revoked {Certificate('b')}", dead.Words);
    }

    [Fact]
    public async Task A_gateway_that_dies_with_the_silo_that_held_the_table_is_missed_by_the_next_one()
    {
        await _grains.Join("gw-1");
        await _grains.StartAgain();
        Assert.NotNull((await _grains.View()).Find("gw-1"));
        await _grains.Pass(TimeSpan.FromSeconds(12));
        Assert.Null((await _grains.View()).Find("gw-1"));
    }

    [Fact]
    public async Task A_gateway_that_lives_is_live_to_a_silo_that_has_just_begun()
    {
        await _grains.Join("gw-1");
        await _grains.StartAgain();
        Assert.True(await _grains.Gateway("gw-1").IsLive());
    }

    [Fact]
    public async Task A_table_that_slept_gives_the_beats_that_wait_at_its_door_a_chance()
    {
        var gateway = await _grains.Join("gw-1");
        // One step: the look that is due runs when all of it has passed.
        _grains.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.NotNull(await gateway.Beat());
        await _grains.Pass(TimeSpan.FromSeconds(5), gateway);
        Assert.NotNull((await _grains.View()).Find("gw-1"));
    }

    [Fact]
    public async Task Who_starts_under_the_name_of_another_takes_its_place_at_once()
    {
        var old = await _grains.Join("gw-1", "host-1:/data");
        await _grains.Join("gw-2", "host-2:/data");
        await _grains.Join("gw-3", "host-1:/data");
        Assert.Equal(["gw-2", "gw-3"], (await _grains.View()).Gateways.Select(gateway => gateway.Id));
        Assert.Null(await old.Beat());
    }

    [Fact]
    public async Task Numbers_are_never_given_twice()
    {
        await _grains.Join("gw-1");
        await _grains.Gateway("gw-1").Leave();
        await _grains.StartAgain();
        await _grains.Join("gw-2");
        Assert.Equal(2, Assert.Single((await _grains.View()).Gateways).Number);
    }

    [Fact]
    public async Task Whoever_comes_or_goes_the_others_hear_of_it()
    {
        var first = await _grains.Join("gw-1");
        await _grains.Join("gw-2");
        await first.Heard(1);
        Assert.Equal("gw-1 gw-2", first.Words[^1]);
        await _grains.Gateway("gw-2").Leave();
        await first.Said("gw-1");
    }

    [Fact]
    public async Task A_dead_gateway_is_among_the_dead_until_another_has_what_it_left()
    {
        var successor = await _grains.Join("gw-1");
        await _grains.Join("gw-2");
        bool has = false;
        successor.TakesOver = _ => has ? new FailoverProgress.Done() : new FailoverProgress.UnderWay();
        await _grains.Gateway("gw-2").Leave();
        await successor.Said("successor of gw-2");
        await _grains.Pass(TimeSpan.FromSeconds(3), successor);
        Assert.Equal("gw-2", Assert.Single((await _grains.View()).Dead));
        has = true;
        while (!(await _grains.View()).Dead.IsEmpty) await _grains.Pass(GatewayLiveness.BeatEvery, successor);
    }

    [Fact]
    public async Task Who_has_it_already_is_asked_and_a_successor_that_is_no_more_fails_over_first()
    {
        var first = await _grains.Join("gw-1");
        await _grains.Join("dead");
        List<string> asked = [];
        first.TakesOver = dead =>
        {
            asked.Add(dead);
            // It had begun in the place of the dead one, and died before it was a gateway.
            return dead == "dead" && !asked.Contains("begun") ? new FailoverProgress.Elsewhere("begun") : new FailoverProgress.Done();
        };
        await _grains.Gateway("dead").Leave();
        while (!first.Words.Contains("successor of begun")) await _grains.Pass(GatewayLiveness.BeatEvery, first);
        while (!(await _grains.View()).Dead.IsEmpty) await _grains.Pass(GatewayLiveness.BeatEvery, first);
        Assert.Equal(["dead", "begun"], asked.Distinct());
        Assert.Equal("dead", asked[^1]);

        var second = await _grains.Join("gw-2");
        await _grains.Join("late");
        first.TakesOver = _ => new FailoverProgress.Elsewhere("gw-2");
        second.TakesOver = _ => new FailoverProgress.Done();
        await _grains.Gateway("late").Leave();
        await second.Said("successor of late");
        while (!(await _grains.View()).Dead.IsEmpty) await _grains.Pass(GatewayLiveness.BeatEvery, first, second);
    }

    [Fact]
    public async Task What_the_last_gateway_leaves_waits_for_the_next()
    {
        await _grains.Join("gw-1");
        await _grains.Gateway("gw-1").Leave();
        await _grains.Pass(TimeSpan.FromSeconds(2));
        Assert.Single((await _grains.View()).Dead);
        var next = await _grains.Join("gw-2");
        while (!(await _grains.View()).Dead.IsEmpty) await _grains.Pass(GatewayLiveness.BeatEvery, next);
        Assert.Contains("successor of gw-1", next.Words);
    }

    [Fact]
    public void The_dead_have_the_same_successor_for_as_long_as_it_lives()
    {
        var living = Enumerable.Range(1, 5).Select(i => new GatewayMember($"gw-{i}", i, null)).ToImmutableArray();
        foreach (string dead in Enumerable.Range(0, 20).Select(i => $"dead-{i}"))
        {
            string successor = SuccessorChoice.Of(living, dead)!;
            foreach (var other in living.Where(member => member.Id != successor))
                Assert.Equal(successor, SuccessorChoice.Of(living.Remove(other), dead));
        }
        Assert.True(Enumerable.Range(0, 20).Select(i => SuccessorChoice.Of(living, $"dead-{i}")).Distinct().Count() > 2);
        Assert.Null(SuccessorChoice.Of([], "dead"));
    }

    [Fact]
    public void A_clock_that_is_set_back_keeps_no_dead_gateway_alive()
    {
        var beats = new GatewayBeats();
        ImmutableArray<GatewayMember> gateways = [new("gw-1", 1, null)];
        var now = new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
        Assert.Empty(beats.Silent(gateways, now));
        now -= TimeSpan.FromHours(1);
        for (int second = 0; second < 10; second++) Assert.Empty(beats.Silent(gateways, now.AddSeconds(second)));
        Assert.Equal(["gw-1"], beats.Silent(gateways, now + GatewayLiveness.DeadAfter));
    }

    private static CertificateId Certificate(char digit) =>
        CertificateId.TryParse(new string(digit, 64), out var id) ? id : throw new ArgumentException($"{digit}");
}
