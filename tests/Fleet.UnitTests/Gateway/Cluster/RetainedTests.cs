using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Retained;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway.Retained;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>Retained messages are the same on every gateway.</summary>
public sealed class RetainedTests : IAsyncLifetime
{
    private ClusterUnderTest _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterUnderTest.Start();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task What_was_acknowledged_on_one_gateway_is_there_on_the_other()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await publisher.Publish("a", "1", retain: true);
        Assert.Equal("1", Shown(there, "a"));
        await publisher.Publish("a", "", retain: true);
        Assert.Null(Shown(there, "a"));
        // A gateway that starts later has read it.
        await publisher.Publish("a", "2", retain: true);
        Assert.Equal("2", Shown(await _cluster.Gateway(), "a"));
    }

    [Fact]
    public async Task Whoever_writes_last_in_the_store_is_shown_everywhere()
    {
        LiveGateway[] gateways = [await _cluster.Gateway(), await _cluster.Gateway(), await _cluster.Gateway()];
        var publishers = await Task.WhenAll(gateways.Select((gateway, i) => gateway.Connect($"p-{i}")));
        for (int round = 0; round < 30; round++)
            await Task.WhenAll(publishers.Select((publisher, i) => publisher.Publish("a", (round + i) % 4 == 0 ? "" : $"{round}:{i}", retain: true)));
        await publishers[0].Publish("b", "x", retain: true);
        Assert.Single(gateways.Select(gateway => Shown(gateway, "a")).Distinct());
        foreach (var publisher in publishers) await publisher.DisposeAsync();
    }

    [Fact]
    public async Task A_word_that_was_lost_is_read_from_the_store()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await publisher.Publish("gone", "1", retain: true);
        // Another process's changes, of which this gateway hears nothing.
        await _cluster.Store.Set(new RetainedMessage("a", Encoding.UTF8.GetBytes("2"), 1, default, DateTimeOffset.UnixEpoch, null), default);
        await _cluster.Store.Delete("gone", default);
        Assert.Null(Shown(there, "a"));
        await there.Service<RetainedMessages>().CatchUp(default);
        Assert.Equal(("2", null), (Shown(there, "a"), Shown(there, "gone")));
    }

    [Fact]
    public void An_older_change_that_comes_late_brings_nothing_back()
    {
        var parts = new GatewayParts();
        parts.Retained.Apply(Message("a", "1"), 7, null, null);
        parts.Retained.Apply(Message("a", "2"), 6, null, null);
        parts.Retained.Apply(Message("b", ""), 9, null, null);
        parts.Retained.Apply(Message("b", "3"), 8, null, null);
        Assert.Equal(["1"], All(parts));
    }

    [Fact]
    public async Task A_change_of_one_s_own_gives_way_to_a_newer_one_from_elsewhere_only()
    {
        var parts = new GatewayParts();
        parts.Store.Hold();
        // The store will give them versions 1 and 2.
        Assert.Null(parts.Retained.Put(Message("newer", "mine"), null, out var first));
        Assert.Null(parts.Retained.Put(Message("older", "mine"), null, out var second));
        parts.Retained.Apply(Message("newer", "theirs"), 100, null, null);
        parts.Retained.Apply(Message("older", "theirs"), 0, null, null);
        Assert.Equal(["mine", "mine"], All(parts));
        parts.Store.Release();
        await Task.WhenAll(first, second);
        Assert.Equal(["mine", "theirs"], All(parts).Order());
    }

    [Fact]
    public async Task A_change_that_could_not_be_stored_is_not_shown_any_more()
    {
        var parts = new GatewayParts();
        Assert.Null(parts.Retained.Put(Message("a", "good"), null, out var durable));
        await durable;
        parts.Store.Failure = new IOException("full");
        Assert.Null(parts.Retained.Put(Message("a", "bad"), null, out durable));
        await Assert.ThrowsAsync<IOException>(() => durable);
        Assert.Equal(["good"], All(parts));
    }

    private static Publication Message(string topic, string payload) =>
        new(Encoding.UTF8.GetBytes(topic), Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce, retain: true);

    private static string[] All(GatewayParts parts) => [.. RetainedUnderTest.Shown(parts.Retained, "#").Select(TextOf)];

    private static string? Shown(LiveGateway gateway, string topic) =>
        RetainedUnderTest.Shown(gateway.Service<RetainedMessages>(), topic) is [var message] ? TextOf(message) : null;

    private static string TextOf(Publication message) => Encoding.UTF8.GetString(message.Payload.Span);
}
