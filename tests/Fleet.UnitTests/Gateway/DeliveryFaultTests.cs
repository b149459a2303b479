using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Gateway;

/// <summary>A fault of ours with one subscriber is not the others'.</summary>
public sealed class DeliveryFaultTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly GatewayParts _parts = new();

    [Fact]
    public void What_is_published_here_reaches_the_others_once_and_is_acknowledged()
    {
        var (first, last) = SubscribersAroundAFaultyOne("t");
        var publisher = Connect("publisher");
        using var dropped = _parts.MeterFactory.Count("mqtt.server.message.dropped");
        publisher.Publish("t", "x", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Assert.Equal(["t=x q2#1"], first.ReadMessages());
        Assert.Equal(["t=x q2#1"], last.ReadMessages());
        Assert.Equal(["fault 1"], dropped.Counted);
    }

    [Theory, InlineData("t"), InlineData("$share/g/t")]
    public void What_another_gateway_sends_reaches_the_others_and_the_journal(string faulty)
    {
        var (first, last) = SubscribersAroundAFaultyOne(faulty);
        using var dropped = _parts.MeterFactory.Count("mqtt.server.message.dropped");
        var message = new Publication("t"u8.ToArray(), "x"u8.ToArray(), Qos.ExactlyOnce);
        _parts.Broker.DeliverForwarded(message, toAll: true, faulty == "t" ? [] : [faulty], new LinkMark("there", 1));
        Assert.Equal(["t=x q2#1"], first.ReadMessages());
        // A persistent session gets it when it is in the store.
        Assert.Equal(["t=x q2#1"], last.ReadMessages());
        Assert.Equal(["fault 1"], dropped.Counted);
    }

    /// <returns>Those before and behind it, the first of them persistent.</returns>
    private (TestClient First, TestClient Last) SubscribersAroundAFaultyOne(string filter)
    {
        var first = Subscriber(TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent), "t");
        var faulty = Subscriber(Connect("faulty"), filter);
        var last = Subscriber(Connect("last"), "t");
        faulty.Session.Attach(new FaultyConnection(), faulty.Session.Identity, receiveMaximum: 10);
        return (first, last);
    }

    private TestClient Connect(string clientId) => TestClient.Connected(_parts, GatewayParts.Plain(clientId));

    private static TestClient Subscriber(TestClient client, string filter)
    {
        client.Subscribed(filter, Qos.ExactlyOnce);
        return client;
    }

    private sealed class FaultyConnection : ISessionConnection
    {
        public bool IsHeld => false;

        public void Wake() => throw new NotSupportedException("A fault of the test.");

        public void End(EndCause cause) => throw new NotSupportedException("A fault of the test.");
    }
}
