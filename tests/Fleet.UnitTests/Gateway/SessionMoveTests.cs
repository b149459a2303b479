using Fleet.Gateway.Cluster;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>A session between gateways, without the gateways.</summary>
public sealed class SessionMoveTests
{
    [Fact]
    public void What_was_in_flight_at_a_gateway_before_the_last_goes_out_with_DUP()
    {
        var session = new Session(GatewayParts.Plain(), new GatewayOptions(), new GatewayParts().Clock, new GatewayParts().Metrics) { ExpirySeconds = 60 };
        session.Arrive();
        // It goes on to a third gateway before the messages of the first have come.
        session.Depart();
        List<Delivery> sentOn = [];
        session.Collect(sentOn.Add);
        session.Restore(new SessionMessages([new SentMessage(7, Message("sent"))], [Message("queued")], LastPacketId: 7, Unreleased: [], Known: []));
        Assert.Equal([true, false], sentOn.Select(delivery => delivery.Again));

        var travelled = sentOn.Select(delivery => PeerMessages.ToDelivery(PeerMessages.Of(delivery, now: 0), now: 0));
        Assert.Equal([true, false], travelled.Select(delivery => delivery.Again));
    }

    [Fact]
    public void What_is_under_way_at_QoS_2_goes_along()
    {
        var parts = new GatewayParts();
        var here = new Session(GatewayParts.Plain(), new GatewayOptions(), parts.Clock, parts.Metrics) { ExpirySeconds = 60 };
        var owner = new Nobody();
        here.Attach(owner, here.Identity, receiveMaximum: 10);
        Assert.True(here.TryHold(5));
        foreach (string payload in (string[])["1", "2", "3"]) here.Deliver(Message(payload) with { Qos = Qos.ExactlyOnce });
        while (here.TryTake(owner, now: 0, out _)) { }
        here.Receive(2, refused: false);
        here.Depart();
        var moved = PeerMessages.Of(here.Collect(_ => { }), now: 0);

        var there = new Session(GatewayParts.Plain(), new GatewayOptions(), parts.Clock, parts.Metrics) { ExpirySeconds = 60 };
        there.Arrive();
        there.Restore(PeerMessages.ToSession(moved, now: 0));
        there.Attach(owner, there.Identity, receiveMaximum: 10);
        Assert.True(there.IsUnreleased(5));
        List<string> sent = [];
        while (there.TryTake(owner, now: 0, out var next))
            sent.Add(next.Publish is { } publish ? $"{next.PacketId}={System.Text.Encoding.UTF8.GetString(publish.Message.Payload.Span)} {publish.Qos} {next.Duplicate}" : $"{next.PacketId} released");
        Assert.Equal(["1=1 ExactlyOnce True", "2 released", "3=3 ExactlyOnce True"], sent);
    }

    [Fact]
    public async Task What_is_on_its_way_to_a_gateway_is_waited_for_before_it_goes_on()
    {
        var parts = new GatewayParts();
        var session = await parts.Moves.Arrive(GatewayParts.Plain(), new MovedSession("first", [], 60));
        Assert.NotNull(parts.Moves.TakeOver("second", "plain/p", epoch: 1, discard: false));
        var collecting = parts.Moves.Collect("plain/p", "third");
        Assert.False(collecting.IsCompleted);
        parts.Moves.Complete(session, new MovedMessages([new MovedMessage(7, 2, false, PeerMessages.Of(Message("").Message, 0), Released: true)], [], 7, [], [5]));
        var collected = await collecting;
        Assert.Equal((7, true, 5), (collected!.InFlight.Single().PacketId, collected.InFlight.Single().Released, collected.Unreleased.Single()));
    }

    [Fact]
    public async Task What_does_not_come_is_not_waited_for_for_ever()
    {
        var parts = new GatewayParts();
        await parts.Moves.Arrive(GatewayParts.Plain(), new MovedSession("first", [], 60));
        parts.Moves.TakeOver("second", "plain/p", epoch: 1, discard: false);
        var collecting = parts.Moves.Collect("plain/p", "third");
        parts.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Empty((await collecting)!.InFlight);
    }

    private sealed class Nobody : ISessionOwner
    {
        public void Wake() { }

        public void End(EndCause cause) { }
    }

    private static Delivery Message(string payload) =>
        new(new Publication("t"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), Qos.ExactlyOnce), Qos.AtLeastOnce, Retain: false);
}
