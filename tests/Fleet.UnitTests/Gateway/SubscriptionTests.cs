using Fleet.Gateway.Links;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>Subscription identifiers and options, and what overlapping subscriptions bring: MQTT 5.0, 3.3.4, 3.8 and 4.8.</summary>
public sealed class SubscriptionTests
{
    private readonly GatewayParts _parts = new();

    [Fact]
    public void A_message_carries_the_identifiers_of_all_subscriptions_that_it_matched()
    {
        var client = Connect("c");
        client.Subscribe("a/#", Qos.AtLeastOnce, identifier: 1);
        client.Subscribe("a/+", identifier: 300_000);
        client.Subscribe("a/b");
        client.Subscribe("+/b", identifier: 7);
        client.Read();
        var publisher = Connect("publisher");
        publisher.Publish("a/b", "x", Qos.AtLeastOnce);
        publisher.Publish("a/c/d", "y");
        publisher.Publish("c/b", "z");
        var messages = client.ReadMessages();
        Assert.StartsWith("a/b=x q1#1 for ", messages[0], StringComparison.Ordinal);
        Assert.Equal(["1", "300000", "7"], messages[0][15..].Split(',').Order(StringComparer.Ordinal));
        Assert.Equal(["a/c/d=y for 1", "c/b=z for 7"], messages[1..]);
    }

    [Fact]
    public void A_new_subscription_with_the_same_filter_has_the_new_identifier_or_none()
    {
        var client = Connect("c");
        var publisher = Connect("publisher");
        publisher.Publish("t", "kept", retain: true);
        foreach (uint identifier in (uint[])[5, 6, 0]) client.Subscribe(new Subscription("t"), identifier);
        publisher.Publish("t", "x");
        Assert.Equal(["t=kept retained for 5", "t=kept retained for 6", "t=kept retained", "t=x"], client.ReadMessages());
    }

    [Fact]
    public void A_shared_subscription_brings_a_copy_of_its_own_with_its_own_identifier()
    {
        var client = Connect("c");
        client.Subscribe("$share/g/t", identifier: 1);
        client.Subscribe("t", identifier: 2);
        client.Read();
        Connect("publisher").Publish("t", "x");
        Assert.Equal(["t=x for 1", "t=x for 2"], client.ReadMessages().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Identifiers_stay_with_what_waits_and_what_moves()
    {
        var session = new Session(GatewayParts.Plain(), _parts.Settings.Sessions, _parts.Clock, _parts.Metrics) { ExpirySeconds = 60 };
        Assert.NotNull(
            _parts.Broker.Subscribe(session, new HeldSubscription(TopicFilter.Parse("t"), new SubscriptionOptions(Qos.AtLeastOnce), 300)));
        Connect("publisher").Publish("t", "x", Qos.AtLeastOnce);
        Assert.Equal(300u, Assert.Single(session.Subscriptions.All).Identifier);
        var moved = Fleet.Gateway.Links.PeerMessages.ToSession(Fleet.Gateway.Links.PeerMessages.Of(session.Move.Copy(_ => { }), now: 0), now: 0);
        Assert.Equal([0x0B, 0xAC, 0x02], Assert.Single(moved.Queued).Identifiers!);
    }

    [Fact]
    public void No_local_keeps_a_client_s_own_messages_from_it_and_nothing_else()
    {
        var client = Connect("c");
        client.Subscribe(new Subscription("t", Qos.AtLeastOnce) { NoLocal = true }, identifier: 1);
        client.Subscribe(new Subscription("u") { NoLocal = true });
        client.Subscribe("+", identifier: 2);
        client.Read();
        client.Publish("t", "mine", Qos.AtLeastOnce);
        Assert.Equal(["t=mine for 2"], client.ReadMessages());
        Connect("publisher").Publish("t", "another's", Qos.AtLeastOnce);
        Assert.StartsWith("t=another's q1#1 for ", Assert.Single(client.ReadMessages()), StringComparison.Ordinal);
        client.Send(output => UnsubscribePacket.Write(output, MqttVersion.V5, 1, default, ["+"]));
        client.Publish("u", "mine");
        Assert.Empty(client.ReadMessages());
    }

    [Fact]
    public void Retain_as_published_is_each_subscription_s_own()
    {
        var plain = Connect("plain");
        plain.Subscribe("t");
        var asPublished = Connect("as published");
        asPublished.Subscribe(new Subscription("t") { RetainAsPublished = true });
        plain.Read();
        asPublished.Read();
        var publisher = Connect("publisher");
        publisher.Publish("t", "x", retain: true);
        publisher.Publish("t", "y");
        Assert.Equal(["t=x", "t=y"], plain.ReadMessages());
        Assert.Equal(["t=x retained", "t=y"], asPublished.ReadMessages());
    }

    [Fact]
    public void A_shared_subscription_gets_no_retained_messages()
    {
        Connect("publisher").Publish("t", "kept", retain: true);
        var client = Connect("c");
        client.Subscribe("$share/g/t");
        Assert.Equal("90 04 00 09 00 00", client.ReadHex());
    }

    [Fact]
    public void UNSUBACK_has_a_code_for_each_filter()
    {
        var client = Connect("c");
        client.Subscribed("t");
        client.Send(output => UnsubscribePacket.Write(output, MqttVersion.V5, 1, default, ["t", "never", "a#"]));
        Assert.Equal("B0 06 00 01 00 00 11 8F", client.ReadHex());
        var old = TestClient.Connected(_parts, GatewayParts.Plain("old"), MqttVersion.V311);
        old.Send(output => UnsubscribePacket.Write(output, MqttVersion.V311, 1, default, ["never"]));
        Assert.Equal("B0 02 00 01", old.ReadHex());
    }

    private TestClient Connect(string clientId) => TestClient.Connected(_parts, GatewayParts.Plain(clientId));
}
