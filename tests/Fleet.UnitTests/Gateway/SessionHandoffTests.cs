using Fleet.Gateway.Cluster;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>A session between gateways, without the gateways.</summary>
public sealed class SessionHandoffTests
{
    [Fact]
    public void What_was_in_flight_at_a_gateway_before_the_last_goes_out_with_DUP()
    {
        var session = new Session(GatewayParts.Plain(), new SessionOptions(), new GatewayParts().Clock, new GatewayParts().Metrics) { ExpirySeconds = 60 };
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
        var here = new Session(GatewayParts.Plain(), new SessionOptions(), parts.Clock, parts.Metrics) { ExpirySeconds = 60 };
        var owner = new Nobody();
        here.Attach(owner, here.Identity, receiveMaximum: 10);
        Assert.True(here.TryHold(5));
        foreach (string payload in (string[])["1", "2", "3"]) here.Deliver(Message(payload) with { Qos = Qos.ExactlyOnce });
        while (here.TryDequeue(owner, now: 0, out _)) { }
        here.PubRec(2, refused: false);
        here.Depart();
        var moved = PeerMessages.Of(here.Collect(_ => { }), now: 0);

        var there = new Session(GatewayParts.Plain(), new SessionOptions(), parts.Clock, parts.Metrics) { ExpirySeconds = 60 };
        there.Arrive();
        there.Restore(PeerMessages.ToSession(moved, now: 0));
        there.Attach(owner, there.Identity, receiveMaximum: 10);
        Assert.True(there.IsUnreleased(5));
        List<string> sent = [];
        while (there.TryDequeue(owner, now: 0, out var next))
            sent.Add(next.Publish is { } publish ? $"{next.PacketId}={System.Text.Encoding.UTF8.GetString(publish.Message.Payload.Span)} {publish.Qos} {next.Duplicate}" : $"{next.PacketId} released");
        Assert.Equal(["1=1 ExactlyOnce True", "2 released", "3=3 ExactlyOnce True"], sent);
    }

    [Fact]
    public async Task What_is_on_its_way_to_a_gateway_is_waited_for_before_it_goes_on()
    {
        var parts = new GatewayParts();
        var inbound = await parts.SessionHandoff.Arrive(GatewayParts.Plain(), new MovedSession("first", [], 60));
        Assert.NotNull(parts.SessionHandoff.TakeOver("second", "plain/p", epoch: 1, discard: false));
        Assert.Throws<InvalidOperationException>(() => parts.SessionHandoff.Collect("plain/p", 1, "third"));
        var released = new MovedMessage(7, 2, false, PeerMessages.Of(Message("").Message, 0), Released: true);
        parts.SessionHandoff.Complete(inbound, new MovedMessages([released], [], 7, [], [5]));
        var collected = parts.SessionHandoff.Collect("plain/p", 1, "third");
        Assert.Equal((7, true, 5), (collected!.InFlight.Single().PacketId, collected.InFlight.Single().Released, collected.Unreleased.Single()));
    }

    [Fact]
    public async Task What_does_not_come_is_not_waited_for_for_ever()
    {
        var parts = new GatewayParts();
        await parts.SessionHandoff.Arrive(GatewayParts.Plain(), new MovedSession("first", [], 60));
        parts.SessionHandoff.TakeOver("second", "plain/p", epoch: 1, discard: false);
        Assert.Throws<InvalidOperationException>(() => parts.SessionHandoff.Collect("plain/p", 1, "third"));
        parts.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Empty(parts.SessionHandoff.Collect("plain/p", 1, "third")!.InFlight);
    }

    [Fact]
    public async Task What_the_next_gateway_is_yet_to_collect_is_there_although_the_client_is_back()
    {
        var parts = new GatewayParts();
        var inbound = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60));
        parts.SessionHandoff.Complete(inbound, Messages("1"));
        var moved = parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: false);
        await parts.SessionHandoff.Arrive(Identity(7), new MovedSession("second", [], 60));
        Assert.Single(parts.SessionHandoff.Collect("plain/p", moved!.Epoch, "second")!.Queued);
    }

    [Fact]
    public async Task Who_has_missed_what_it_collected_gets_it_again()
    {
        var parts = new GatewayParts();
        parts.SessionHandoff.Complete(await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60)), Messages("1"));
        parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: false);
        for (int i = 0; i < 2; i++) Assert.Single(parts.SessionHandoff.Collect("plain/p", 6, "second")!.Queued);
        // Its own messages only.
        Assert.Null(parts.SessionHandoff.Collect("plain/p", 7, "third"));
    }

    [Fact]
    public async Task A_session_that_has_gone_on_before_it_was_here_leaves_the_newer_alone()
    {
        var parts = new GatewayParts();
        var first = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60));
        Assert.NotNull(parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: false));
        var second = await parts.SessionHandoff.Arrive(Identity(7), new MovedSession("second", [], 60));
        var staying = parts.SessionHandoff.Stay("plain/p");
        parts.SessionHandoff.Complete(first, Messages("1"));
        Assert.Null(parts.Directory.Find("plain/p"));
        Assert.False(staying.IsCompleted);
        parts.SessionHandoff.Complete(second, Messages("2"));
        await staying;
        Assert.Same(second.Session, parts.Directory.Find("plain/p"));
        Assert.False(second.Session.HasEnded);
        Assert.Single(parts.SessionHandoff.Collect("plain/p", 6, "second")!.Queued);
    }

    [Fact]
    public async Task A_session_that_did_not_go_on_after_all_stays()
    {
        var parts = new GatewayParts();
        var inbound = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60));
        // The connection elsewhere did not get the client id.
        parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: false);
        var staying = parts.SessionHandoff.Stay("plain/p");
        Assert.False(staying.IsCompleted);
        parts.SessionHandoff.Complete(inbound, Messages("1"));
        await staying;
        Assert.Same(inbound.Session, parts.Directory.Find("plain/p"));
        Assert.False(inbound.Session.HasEnded);
    }

    [Fact]
    public async Task A_session_that_was_ended_on_its_way_here_does_not_arrive()
    {
        var parts = new GatewayParts();
        var inbound = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60));
        // The client has begun anew elsewhere.
        Assert.Null(parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: true));
        parts.SessionHandoff.Complete(inbound, Messages());
        Assert.Null(parts.Directory.Find("plain/p"));
    }

    [Fact]
    public async Task Of_two_sessions_of_a_client_the_newer_stays()
    {
        var parts = new GatewayParts();
        var older = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("first", [], 60));
        parts.SessionHandoff.Complete(older, Messages("1"));
        var newer = await parts.SessionHandoff.Arrive(Identity(7), new MovedSession("second", [], 60));
        parts.SessionHandoff.Complete(newer, Messages("2"));
        Assert.Same(newer.Session, parts.Directory.Find("plain/p"));
        Assert.Equal((true, false), (older.Session.HasEnded, newer.Session.HasEnded));
        Assert.False(parts.Directory.TryAdd(older.Session, parts.Clock.NowMs));
    }

    [Fact]
    public async Task What_is_late_does_not_go_round_in_circles()
    {
        var parts = new GatewayParts();
        var session = await parts.SessionHandoff.Arrive(Identity(5), new MovedSession("second", [], 60));
        parts.SessionHandoff.Complete(session, Messages());
        parts.SessionHandoff.TakeOver("here", "plain/p", epoch: 6, discard: false);
        parts.SessionHandoff.Collect("plain/p", 6, "second");
        var back = await parts.SessionHandoff.Arrive(Identity(7), new MovedSession("second", [], 60));
        parts.SessionHandoff.Complete(back, Messages());
        parts.SessionHandoff.DeliverLate("plain/p", Message("late"));
        Assert.Equal(1, back.Session.Backlog.Queued);
    }

    private static MovedMessages Messages(params string[] queued) => new([], [.. queued.Select(payload => PeerMessages.Of(Message(payload), 0))], 0, [], []);

    private static SessionIdentity Identity(long epoch)
    {
        var plain = GatewayParts.Plain();
        return new SessionIdentity
        {
            Kind = plain.Kind, ClientId = plain.ClientId, SessionId = plain.SessionId, Policy = plain.Policy, RemoteAddress = plain.RemoteAddress, Epoch = epoch,
        };
    }

    private sealed class Nobody : ISessionOwner
    {
        public void Wake() { }

        public void End(EndCause cause) { }
    }

    private static Delivery Message(string payload) =>
        new(new Publication("t"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), Qos.ExactlyOnce), Qos.AtLeastOnce, Retain: false);
}
