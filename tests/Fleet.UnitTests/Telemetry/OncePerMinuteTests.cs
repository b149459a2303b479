using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Telemetry;

public sealed class OncePerMinuteTests
{
    [Fact]
    public void It_is_said_at_once_and_again_after_a_minute()
    {
        var time = new FakeTimeProvider();
        var said = new OncePerMinute(time);
        Assert.True(said.IsDue());
        Assert.False(said.IsDue());
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(said.IsDue());
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(said.IsDue());
        Assert.False(said.IsDue());
    }
}
