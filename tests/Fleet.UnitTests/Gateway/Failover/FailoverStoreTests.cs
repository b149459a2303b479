using Fleet.Gateway.Failover;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Failover;

public sealed class FailoverStoreTests
{
    private readonly GatewayParts _parts = new();

    [Fact]
    public async Task The_store_forgets_the_dead_when_what_came_for_their_sessions_is_durable()
    {
        var dead = await _parts.Sessions.Begin("dead", null, default);
        var here = await _parts.Sessions.Begin("here", null, default);
        var store = new FailoverStore(_parts.Sessions, _parts.Journal);
        await store.Ask(here.Number, new FailoverEffect.ClaimInStore(0, "dead", 0));
        _parts.Sessions.Hold();
        _parts.Journal.Note(new Publication("t"u8.ToArray(), default, Qos.AtLeastOnce), [], from: new LinkMark("publisher", 1));
        var recording = store.Ask(here.Number, new FailoverEffect.RecordInStore(0, "dead", ["dead"], 0));
        Assert.False(recording.IsCompleted);
        Assert.False(_parts.Sessions.IsFailedOver(dead.Number));
        _parts.Sessions.Release();
        Assert.IsType<FailoverEvent.Recorded>(await recording);
        Assert.True(_parts.Sessions.IsFailedOver(dead.Number));
    }
}
