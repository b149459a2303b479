using Fleet.Interfaces;

namespace Fleet.UnitTests.Messaging;

public sealed class BackoffTests
{
    [Fact]
    public void A_pause_doubles_with_each_failure_within_its_bounds()
    {
        var pauses = new Backoff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));
        Assert.Equal([100, 200, 400, 800, 1_600, 2_000, 2_000], Enumerable.Range(1, 7).Select(i => pauses.After(i).TotalMilliseconds));
        Assert.Equal(pauses.Longest, pauses.After(int.MaxValue));
    }
}
