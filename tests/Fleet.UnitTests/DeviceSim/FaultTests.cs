using Fleet.DeviceSim.Faults;

namespace Fleet.UnitTests.DeviceSim;

public sealed class FaultTests
{
    [Fact]
    public void The_same_seed_and_thing_draw_the_same_faults_and_another_seed_others()
    {
        var first = Struck("install:0.3", seed: 7);
        Assert.Equal(first, Struck("install:0.3", seed: 7));
        Assert.NotEqual(first, Struck("install:0.3", seed: 8));
        Assert.InRange(first.Count, 230, 370);
    }

    [Theory, InlineData("install:0", 0), InlineData("install:1", 1000), InlineData("install:amr-1,amr-9", 2)]
    public void A_share_or_a_list_says_who(string spec, int devices) => Assert.Equal(devices, Struck(spec, seed: 1).Count);

    [Fact]
    public void A_fault_bound_to_a_version_strikes_there_only()
    {
        var faults = DeviceFaults.Draw([Spec("install:1@1.2.0")], 1, "amr-1");
        Assert.False(faults.Strikes(FaultKind.Install, "1.1.0"));
        Assert.True(faults.Strikes(FaultKind.Install, "1.2.0"));
        Assert.False(faults.Strikes(FaultKind.Boot, "1.2.0"));
        Assert.Equal(1, faults.Struck[FaultKind.Install]);
    }

    [Fact]
    public void What_passes_strikes_once_per_update()
    {
        var faults = DeviceFaults.Draw([Spec("corrupt:1")], 1, "amr-1");
        Assert.True(faults.StrikesOnce(FaultKind.Corrupt, "1.1.0", "job/1"));
        Assert.False(faults.StrikesOnce(FaultKind.Corrupt, "1.1.0", "job/1"));
        Assert.True(faults.StrikesOnce(FaultKind.Corrupt, "1.1.0", "job/2"));
    }

    [Theory, InlineData("install"), InlineData("install:"), InlineData("install:2"), InlineData("explode:0.5"), InlineData("1:0.5"), InlineData("install:0.5@"), InlineData("install:,"), InlineData("install:NaN")]
    public void What_is_no_fault_is_refused(string text) => Assert.False(FaultSpec.TryParse(text, out _));

    private static List<string> Struck(string spec, int seed) =>
        [.. Enumerable.Range(1, 1000).Select(i => $"amr-{i}").Where(thing => DeviceFaults.Draw([Spec(spec)], seed, thing).Has(FaultKind.Install, "1.0.0"))];

    private static FaultSpec Spec(string text) => FaultSpec.TryParse(text, out var spec) ? spec : throw new ArgumentException(text);
}
