using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway.Retained;

/// <summary>Messages that have expired go, also while nobody retains any.</summary>
public sealed class RetainedPurgeTests
{
    private readonly GatewayParts _parts = new(settings =>
    {
        (settings.Retained.MaxRetainedMessages, settings.Retained.MaxRetainedMessagesPerPrincipal) = (100, 20);
    });

    [Fact]
    public async Task There_is_room_for_whom_they_counted_towards()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain());
        client.Publish("a", "x", retain: true);
        for (int topic = 'b'; topic < 'u'; topic++) Expiring(client, (char)topic);
        client.Publish("z", "x", Qos.AtLeastOnce, retain: true);
        Assert.Equal(0x97, client.Read()[4]);
        await Retained(20);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        // The end of the round that the changes are in, and the next round.
        _parts.Sweep();
        _parts.Sweep();
        await Retained(1);
    }

    [Fact]
    public async Task What_another_gateway_may_have_put_anew_is_not_removed_before_its_word_must_be_here()
    {
        var link = new PeerLink(
            "here", "there", _ => Task.FromResult(PeerAnswer.Received), 1_000, () => { }, _parts.Time, NullLogger.Instance);
        _parts.Peers.Add(new RemoteGateway(new GatewayMember("there", 2, null), link));
        Expiring(TestClient.Connected(_parts, GatewayParts.Plain()), 'b');
        _parts.Time.Advance(TimeSpan.FromSeconds(1 + 29));
        _parts.Sweep();
        await Retained(1);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        _parts.Sweep();
        await Retained(0);
    }

    [Fact]
    public async Task What_the_store_does_not_remove_is_left_for_a_minute()
    {
        Expiring(TestClient.Connected(_parts, GatewayParts.Plain()), 'b');
        await Retained(1);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        _parts.Store.Failure = new IOException("disk full");
        _parts.Sweep();
        await Retained(1);
        _parts.Store.Failure = null;
        _parts.Sweep();
        await Retained(1);
        _parts.Time.Advance(TimeSpan.FromMinutes(1));
        _parts.Sweep();
        await Retained(0);
    }

    private async Task Retained(int count)
    {
        await _parts.Retained.Flushed();
        Assert.Equal(count, _parts.Retained.Count);
    }

    /// <summary>PUBLISH, retained, with a message expiry of 1 s.</summary>
    private static void Expiring(TestClient client, char topic) => client.Send($"31 0A 00 01 {(int)topic:X2} 05 02 00 00 00 01 78");
}
