using Fleet.Gateway.Auth;

namespace Fleet.UnitTests.Gateway.Auth;

public sealed class FlappingTests
{
    private readonly Flapping _flapping = new GatewayParts(options => options.Admission.FlappingLimit = 3).Flapping;

    [Fact]
    public void A_client_that_drops_again_and_again_is_held_off_and_longer_each_time()
    {
        Assert.Equal([0, 0, 30_000], Drops(0, 1_000, 2_000));
        Assert.Equal(29_000, _flapping.HeldOff("amr-1", 3_000));
        Assert.Equal(0, _flapping.HeldOff("amr-2", 3_000));
        Assert.Equal(0, _flapping.HeldOff("amr-1", 32_000));
        Assert.Equal([0, 0, 60_000], Drops(32_000, 32_001, 32_002));
        Assert.Equal([0, 0, 120_000], Drops(93_000, 93_001, 93_002));
    }

    [Fact]
    public void Connections_that_last_are_none_that_flap()
    {
        for (int i = 0; i < 100; i++) Assert.Equal(0, _flapping.Ended("amr-1", Flapping.ShortLivedMs + 1, i * 20_000));
    }

    [Fact]
    public void Drops_that_are_minutes_apart_do_not_add_up() => Assert.Equal([0, 0, 0, 0], Drops(0, 61_000, 122_000, 183_000));

    [Fact]
    public void Who_has_been_quiet_begins_anew()
    {
        Drops(0, 1, 2);
        _flapping.Sweep(30_002 + 300_001);
        Assert.Equal([0, 0, 30_000], Drops(400_000, 400_001, 400_002));
    }

    [Fact]
    public void A_limit_of_0_holds_nobody_off()
    {
        var off = new GatewayParts(options => options.Admission.FlappingLimit = 0).Flapping;
        Assert.All(Enumerable.Range(0, 1_000), i => Assert.Equal(0, off.Ended("amr-1", 1, i)));
    }

    [Fact]
    public void Whoever_is_held_off_holds_off_nobody_else_however_many_they_are()
    {
        foreach (int i in Enumerable.Range(0, 100_000)) _flapping.Ended($"stranger-{i}", livedMs: 5, now: 0);
        // There is no room left to watch another: it gets in.
        Assert.Equal([0, 0, 0, 0], Drops(1, 2, 3, 4));
        Assert.Equal(0, _flapping.HeldOff("amr-1", now: 5));
        _flapping.Sweep(60_001);
        Assert.Equal([0, 0, 30_000], Drops(60_002, 60_003, 60_004));
    }

    private long[] Drops(params long[] instants) => [.. instants.Select(now => _flapping.Ended("amr-1", livedMs: 5, now))];
}
