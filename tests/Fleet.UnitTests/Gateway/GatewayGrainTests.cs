using Fleet.Grains.Messaging;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Gateway;

public sealed class GatewayGrainTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task A_gateway_that_falls_silent_is_taken_for_dead_and_told_nothing()
    {
        var grain = new GatewayGrain(_time);
        var gateway = new Told();
        Assert.False(await grain.IsLive());
        await grain.Register(gateway);
        await grain.EndSession("a", "s", SessionEnd.TakenOver);
        _time.Advance(TimeSpan.FromSeconds(149));
        Assert.True(await grain.IsLive());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await grain.IsLive());
        await grain.EndSession("b", "s", SessionEnd.TakenOver);
        await grain.Register(gateway);
        await grain.EndSession("c", "s", SessionEnd.Administrative);
        Assert.Equal(["a TakenOver", "c Administrative"], gateway.Words);
    }

    private sealed class Told : IGatewayObserver
    {
        public List<string> Words { get; } = [];

        public void NotifyJobs(JobNotification notification) => Words.Add("jobs");

        public void EndSession(string clientId, string sessionId, SessionEnd reason) => Words.Add($"{clientId} {reason}");

        public void EndSessionsOf(CertificateId certificate) => Words.Add("revoked");
    }
}
