using Fleet.Gateway.Cluster;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>A session between gateways, without the gateways.</summary>
public sealed class SessionMoveTests
{
    [Fact]
    public void What_was_in_flight_at_a_gateway_before_the_last_goes_out_with_DUP()
    {
        var session = new Session(GatewayParts.Plain(), new GatewayOptions(), new GatewayParts().Metrics) { ExpirySeconds = 60 };
        session.Arrive();
        // It goes on to a third gateway before the messages of the first have come.
        session.Depart();
        List<Delivery> sentOn = [];
        session.Collect(sentOn.Add);
        session.Restore([(7, Message("sent"))], [Message("queued")], lastPacketId: 7, known: []);
        Assert.Equal([true, false], sentOn.Select(delivery => delivery.Again));

        var travelled = sentOn.Select(delivery => PeerMessages.ToDelivery(PeerMessages.Of(delivery, 0, now: 0), now: 0));
        Assert.Equal([true, false], travelled.Select(delivery => delivery.Again));
    }

    private static Delivery Message(string payload) =>
        new(new Publication("t"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce), Qos.AtLeastOnce, Retain: false);
}
