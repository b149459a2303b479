using System.Buffers;
using System.Text;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Gateway;

public sealed class HeartbeatTests
{
    private readonly Heartbeat _heartbeat;

    public HeartbeatTests()
    {
        Assert.True(ThingName.TryParse("amr-1", out var thing));
        _heartbeat = new Heartbeat(thing);
    }

    [Fact]
    public void A_device_that_declares_no_heartbeat_is_never_stale() => Assert.Equal(HeartbeatChange.None, _heartbeat.Look(1_000_000));

    [Theory]
    [InlineData("", 25_000)]
    [InlineData("""{"sequence":1,"periodSeconds":10}""", 25_000)]
    [InlineData("""{"more":{"periodSeconds":1},"periodSeconds":4}""", 10_000)]
    [InlineData("""{"periodSeconds":0}""", 2_500)]
    [InlineData("nonsense", 25_000)]
    [InlineData("[1]", 25_000)]
    public void It_is_stale_after_two_and_a_half_periods(string payload, long milliseconds)
    {
        Beat(1_000, payload);
        Assert.Equal(HeartbeatChange.None, _heartbeat.Look(1_000 + milliseconds));
        Assert.Equal(HeartbeatChange.WentStale, _heartbeat.Look(1_001 + milliseconds));
        Assert.Equal(HeartbeatChange.None, _heartbeat.Look(1_002 + milliseconds));
        Beat(2_000 + milliseconds, "");
        Assert.Equal(HeartbeatChange.CameBack, _heartbeat.Look(2_001 + milliseconds));
        Assert.Equal(HeartbeatChange.None, _heartbeat.Look(2_002 + milliseconds));
    }

    [Fact]
    public void Only_the_first_heartbeat_of_a_connection_declares_the_period()
    {
        Beat(0, """{"periodSeconds":2}""");
        Beat(1_000, """{"periodSeconds":100}""");
        Assert.Equal(HeartbeatChange.WentStale, _heartbeat.Look(6_001));
    }

    [Fact]
    public void About_once_a_minute_the_device_grain_hears_of_it()
    {
        int seen = 0;
        for (long now = 0; now <= 600_000; now += 1_000)
        {
            if (now % 10_000 == 0) Beat(now, "");
            if (_heartbeat.Look(now) == HeartbeatChange.Seen) seen++;
        }
        Assert.Equal(10, seen);
        Assert.Equal(600_000, _heartbeat.LastBeatAt);
    }

    private void Beat(long now, string payload) => _heartbeat.Beat(now, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(payload)));
}
