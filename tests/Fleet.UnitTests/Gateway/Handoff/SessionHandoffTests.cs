using Fleet.Gateway.Handoff;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway.Handoff;

/// <summary>A session between gateways, at one of them.</summary>
public sealed class SessionHandoffTests
{
    private readonly GatewayParts _parts = new();

    private SessionHandoff Passing => _parts.SessionHandoff;

    [Fact]
    public void What_is_under_way_at_QoS_2_goes_along_and_stays_until_it_is_stored_there()
    {
        var here = Session();
        var owner = new Nobody();
        here.Attach(owner, here.Identity, receiveMaximum: 10);
        Assert.True(here.AwaitingRelease.TryHold(5));
        foreach (string payload in (string[])["1", "2", "3"]) here.Deliver(Message(payload) with { Qos = Qos.ExactlyOnce });
        Assert.Equal(3, Sent(here, owner).Count);
        here.Outbound.PubRec(2, refused: false);
        here.Depart();
        List<Delivery> sentOn = [];
        var moved = PeerMessages.Of(here.Move.Copy(sentOn.Add), now: 0);
        here.Deliver(Message("4"));
        Assert.Equal(["4"], sentOn.Select(TextOf));

        var there = Session();
        there.Move.Arrive();
        there.Move.Restore(PeerMessages.ToSession(moved, now: 0));
        there.Attach(owner, there.Identity, receiveMaximum: 10);
        Assert.True(there.AwaitingRelease.Holds(5, out _));
        Assert.Equal(["1=1 ExactlyOnce True", "2 released", "3=3 ExactlyOnce True"], Sent(there, owner));

        here.Move.Recall();
        here.Attach(owner, here.Identity, receiveMaximum: 10);
        Assert.Equal(["1=1 ExactlyOnce True", "2 released", "3=3 ExactlyOnce True", "4=4 AtLeastOnce False"], Sent(here, owner));
    }

    [Fact]
    public void What_comes_after_it_was_handed_over_is_sent_on_and_not_kept()
    {
        var session = Session();
        session.Depart();
        List<Delivery> sentOn = [];
        session.HandOver(sentOn.Add);
        Assert.Null(session.Deliver(Message("late")));
        Assert.Equal((1, 0), (sentOn.Count, session.Outbound.Backlog.Queued));
    }

    [Fact]
    public void What_a_shared_subscription_brought_is_known_for_it_there_and_its_copy_here_is_nobody_s()
    {
        var here = Session();
        here.Deliver(Message("1", share: "$share/g/t"));
        here.Move.Copy(_ => { });
        var moved = PeerMessages.Of(here.Move.Copy(_ => { }), now: 0);
        Assert.Empty(here.End().Shared);
        var there = Session();
        there.Move.Restore(PeerMessages.ToSession(moved, now: 0));
        Assert.Equal(["1 $share/g/t"], there.End().Shared.Select(delivery => $"{TextOf(delivery)[..1]} {delivery.Share}"));
    }

    [Fact]
    public void A_session_that_another_copy_supersedes_leaves_nothing_to_other_members()
    {
        var (session, member) = (Session(), TestClient.Connected(_parts, GatewayParts.Plain("m")));
        member.Subscribed("$share/g/t", Qos.AtLeastOnce);
        session.Deliver(Message("1", share: "$share/g/t"));
        _parts.Ending.DiscardCopy(session);
        Assert.Empty(member.ReadMessages());
    }

    [Fact]
    public void An_answer_is_for_the_connection_that_asked_and_is_not_sent_on()
    {
        var session = Session();
        var owner = new Nobody();
        session.Attach(owner, session.Identity, receiveMaximum: 10);
        session.Depart();
        List<Delivery> sentOn = [];
        session.Move.Copy(sentOn.Add);
        session.DeliverTo(owner, Message("answer"));
        session.Deliver(Message("message"));
        Assert.Equal(["message"], sentOn.Select(TextOf));
    }

    [Fact]
    public async Task The_old_gateway_keeps_a_session_until_the_new_one_has_stored_it()
    {
        var second = Meet("second");
        await Come(5, "1");
        Assert.NotNull(Passing.TakeOver("plain/p", epoch: new(6), discard: false));
        for (int i = 0; i < 2; i++) Assert.Single(Passing.Collect("plain/p", new(6), "second")!.Queued);
        await Eventually.True(() => _parts.Sessions.Owed("plain/p").Length == 1);
        Passing.Receive(second, new LinkFrame.SessionStored("plain/p", 6));
        Assert.Null(Passing.Collect("plain/p", new(6), "second"));
        await Eventually.True(() => _parts.Sessions.Session("plain/p") is null);
    }

    [Fact]
    public async Task A_gateway_gets_a_session_with_the_epoch_only_that_it_was_asked_for_with()
    {
        foreach (string gateway in (string[])["second", "third"]) Meet(gateway);
        await Come(5, "1");
        Assert.NotNull(Passing.TakeOver("plain/p", epoch: new(6), discard: false));
        Assert.NotNull(Passing.TakeOver("plain/p", epoch: new(7), discard: false));
        Assert.Null(Passing.Collect("plain/p", new(6), "second"));
        Assert.Single(Passing.Collect("plain/p", new(7), "third")!.Queued);
        Assert.Null(Passing.Collect("plain/p", new(7), "second"));
    }

    [Fact]
    public async Task A_client_that_turns_back_finds_its_session_and_what_came_meanwhile()
    {
        Meet("second");
        var session = await Come(5, "1");
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        session.Deliver(Message("2"));
        Assert.True(await Passing.ComeBack("plain/p", epoch: new(7), isLast: true));
        Assert.Same(session, _parts.Directory.Find("plain/p"));
        Assert.Equal(2, session.Outbound.Backlog.Queued);
        // The other gateway is late.
        Assert.Null(Passing.Collect("plain/p", new(6), "second"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task When_the_new_gateway_has_died_the_store_says_whose_the_session_is(bool stored)
    {
        var second = Meet("second");
        var session = await Come(5, "1");
        await Eventually.True(() => _parts.Sessions.Owed("plain/p").Length == 1);
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        _parts.Peers.Die(second);
        // It may have stored its copy just before.
        Assert.False(await Passing.ComeBack("plain/p", epoch: new(7), isLast: true));
        Assert.Throws<InvalidOperationException>(() => Passing.TakeOver("plain/p", epoch: new(8), discard: false));
        _parts.Broker.Forget(second);
        _parts.Peers.Remove(second);
        if (stored) _parts.Sessions.Put("third", _parts.Sessions.Session("plain/p")! with { Id = 1, Epoch = new(6) });
        Passing.Sweep(_parts.Clock.NowMs);
        await Eventually.True(() => stored ? session.HasEnded : _parts.Directory.Find("plain/p") == session);
    }

    [Fact]
    public async Task A_session_on_its_way_here_is_another_gateway_s()
    {
        var inbound = await Begin(5, "first");
        Assert.Null(Passing.TakeOver("plain/p", epoch: new(6), discard: false));
        Assert.True(inbound!.Done.Task.IsCompleted);
        Passing.Accept(inbound, Messages("1"));
        Assert.Null(_parts.Directory.Find("plain/p"));
    }

    [Fact]
    public async Task A_lease_that_comes_late_brings_nothing_here()
    {
        Assert.Null(Passing.TakeOver("plain/p", epoch: new(6), discard: false));
        Assert.Null(await Begin(5, "first"));
    }

    [Fact]
    public async Task A_client_that_is_back_waits_for_the_session_that_comes()
    {
        var inbound = await Begin(5, "first");
        var back = Passing.ComeBack("plain/p", epoch: new(6), isLast: true);
        Assert.False(back.IsCompleted);
        Passing.Accept(inbound!, Messages("1"));
        Assert.True(await back);
        Assert.Same(inbound!.Session, _parts.Directory.Find("plain/p"));
    }

    [Fact]
    public async Task A_clean_start_ends_what_has_not_arrived_anywhere()
    {
        Meet("second");
        var session = await Come(5, "1");
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        await Passing.Discard("plain/p", epoch: new(7));
        Assert.True(session.HasEnded);
        Assert.Null(_parts.Sessions.Session("plain/p"));
    }

    [Fact]
    public async Task Of_two_sessions_of_a_client_the_newer_stays()
    {
        var older = await Come(5, "1");
        var newer = (await Begin(7, "second", sessionEpoch: 6))!;
        Passing.Accept(newer, Messages("2"));
        Assert.Same(newer.Session, _parts.Directory.Find("plain/p"));
        Assert.Equal((true, false), (older.HasEnded, newer.Session.HasEnded));
        // What comes now was here before, at its next connection.
        Assert.Null(await Begin(9, "third", sessionEpoch: 6));
    }

    [Fact]
    public async Task A_session_that_another_gateway_has_a_newer_one_of_ends_and_one_that_is_newer_stays()
    {
        var session = await Come(5, "1");
        _parts.Directory.Supersede("plain/p", epoch: new(5));
        Assert.Same(session, _parts.Directory.Find("plain/p"));
        _parts.Directory.Supersede("plain/p", epoch: new(6));
        Assert.Null(_parts.Directory.Find("plain/p"));
        await Eventually.True(() => _parts.Sessions.Session("plain/p") is null);
    }

    [Fact]
    public async Task What_a_shared_subscription_brought_when_the_new_gateway_was_dead_is_another_member_s()
    {
        var second = Meet("second");
        var inbound = (await Passing.Begin(Identity(5), new MovedSession("first", [new("$share/g/t", 1, false, false)], 60, new(5), new(1))))!;
        Passing.Accept(inbound, Messages());
        await Eventually.True(() => _parts.Sessions.Session("plain/p") is not null);
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        inbound.Session.Deliver(Message("copied", share: "$share/g/t"));
        Passing.Collect("plain/p", new(6), "second");
        _parts.Peers.Die(second);
        inbound.Session.Deliver(Message("left", share: "$share/g/t"));
        var member = TestClient.Connected(_parts, GatewayParts.Plain("m"));
        member.Subscribed("$share/g/t", Qos.AtLeastOnce);
        // It had stored its copy.
        _parts.Broker.Forget(second);
        _parts.Peers.Remove(second);
        _parts.Sessions.Put("third", _parts.Sessions.Session("plain/p")! with { Id = 1, Epoch = new(6) });
        Passing.Sweep(_parts.Clock.NowMs);
        Assert.True(inbound.Session.HasEnded);
        Assert.Equal(["t=left q1#1"], member.ReadMessages());
    }

    [Fact]
    public async Task What_is_late_does_not_go_round_in_circles()
    {
        var second = Meet("second");
        await Come(5, "1");
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        Passing.Receive(second, new LinkFrame.SessionStored("plain/p", 6));
        var back = (await Begin(7, "third", sessionEpoch: 6))!;
        Passing.Accept(back, Messages());
        Passing.Receive(Meet("third"), new LinkFrame.Late("plain/p", PeerMessages.Of(Message("late"), 0), 7));
        Assert.Equal(1, back.Session.Outbound.Backlog.Queued);
    }

    [Fact]
    public async Task What_is_late_is_for_the_session_that_came_and_for_no_other_of_the_clients()
    {
        var came = await Come(5);
        var (first, second) = (Meet("first"), Meet("second"));
        Passing.Receive(second, new LinkFrame.Late("plain/p", PeerMessages.Of(Message("from another"), 0), 5));
        Passing.Receive(first, new LinkFrame.Late("plain/p", PeerMessages.Of(Message("from before"), 0), 4));
        Assert.Equal(0, came.Outbound.Backlog.Queued);
        Passing.Receive(first, new LinkFrame.Late("plain/p", PeerMessages.Of(Message("late"), 0), 5));
        Assert.Equal(1, came.Outbound.Backlog.Queued);
        // The client starts clean.
        _parts.Directory.Release("plain/p", new(6), keep: false, now: 0);
        var anew = Session();
        _parts.Directory.TryAdd(anew, awaySince: 0);
        Passing.Receive(first, new LinkFrame.Late("plain/p", PeerMessages.Of(Message("late again"), 0), 5));
        Assert.Equal(0, anew.Outbound.Backlog.Queued);
    }

    [Fact]
    public async Task What_is_late_for_a_session_that_has_gone_on_follows_it_also_when_the_session_is_on_its_way_back()
    {
        var session = await Come(5);
        var first = Meet("first");
        var second = Meet("second");
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        Passing.Receive(second, new LinkFrame.SessionStored("plain/p", 6));
        List<Delivery> sentOn = [];
        session.HandOver(sentOn.Add);
        Assert.NotNull(await Begin(7, "third", sessionEpoch: 6));
        Assert.True(session.HasEnded);
        Passing.Receive(first, new LinkFrame.Late("plain/p", PeerMessages.Of(Message("late"), 0), 5));
        Assert.Equal("late", TextOf(Assert.Single(sentOn)));
    }

    [Fact]
    public async Task What_the_client_published_with_QoS_2_is_taken_by_the_others_before_its_session_is_copied()
    {
        Meet("second");
        var session = await Come(5);
        var taken = new TaskCompletionSource();
        Assert.True(session.AwaitingRelease.TryHold(7));
        session.AwaitingRelease.Note(7, new HeldMessage(null, new PendingForward(Message("p").Message, taken.Task)));
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Assert.Throws<InvalidOperationException>(() => Passing.Collect("plain/p", new(6), "second"));
        taken.SetResult();
        Assert.Equal([(ushort)7], Passing.Collect("plain/p", new(6), "second")!.Unreleased);
    }

    [Fact]
    public async Task A_message_that_waits_for_other_gateways_is_held_in_the_store_from_when_they_have_it()
    {
        var session = await Come(5);
        Assert.True(session.AwaitingRelease.TryHold(7));
        session.AwaitingRelease.Note(7, new HeldMessage(null, new PendingForward(Message("p").Message, Task.CompletedTask)));
        Assert.NotNull(session.AwaitingRelease.Taken(7));
        Assert.True(session.AwaitingRelease.Holds(7, out var held));
        Assert.Null(held.Elsewhere);
        // There is nothing more to note of it.
        Assert.Null(session.AwaitingRelease.Taken(7));
    }

    [Fact]
    public async Task An_older_connection_elsewhere_takes_no_session_that_its_client_has_come_back_to()
    {
        var session = await Come(5);
        Assert.True(await Passing.ComeBack("plain/p", epoch: new(9), isLast: true));
        Assert.Throws<InvalidOperationException>(() => Passing.TakeOver("plain/p", epoch: new(8), discard: false));
        Assert.Same(session, _parts.Directory.Find("plain/p"));
        Assert.NotNull(Passing.TakeOver("plain/p", epoch: new(10), discard: false));
    }

    [Fact]
    public async Task A_session_is_chosen_for_its_shared_subscription_where_it_is_and_not_where_it_is_on_its_way_to()
    {
        var second = Meet("second");
        var inbound = (await Passing.Begin(Identity(5), new MovedSession("first", [new("$share/g/t", 1, false, false)], 60, new(5), new(1))))!;
        Assert.Equal(0, _parts.Broker.Subscriptions);
        Passing.Accept(inbound, Messages());
        Assert.Equal(1, _parts.Broker.Subscriptions);
        Passing.TakeOver("plain/p", epoch: new(6), discard: false);
        Passing.Collect("plain/p", new(6), "second");
        Assert.Equal(1, _parts.Broker.Subscriptions);
        Passing.Receive(second, new LinkFrame.SessionStored("plain/p", 6));
        Assert.Equal(0, _parts.Broker.Subscriptions);
    }

    private Task<InboundHandoff?> Begin(long epoch, string from, long sessionEpoch = 1) =>
        Passing.Begin(Identity(epoch), new MovedSession(from, [], 60, new(epoch), new(sessionEpoch)));

    /// <summary>A session that has come from a gateway which nobody knows any more.</summary>
    private async Task<Session> Come(long epoch, params string[] queued)
    {
        var inbound = (await Begin(epoch, "first"))!;
        Passing.Accept(inbound, Messages(queued));
        return inbound.Session;
    }

    private RemoteGateway Meet(string id)
    {
        var never = new TaskCompletionSource<PeerAnswer>().Task;
        var link = new PeerLink("here", id, _ => never, 1 << 20, () => { }, _parts.Time, NullLogger.Instance);
        var peer = new RemoteGateway(new GatewayMember(id, 1, null), link);
        _parts.Peers.Add(peer);
        return peer;
    }

    private Session Session() => new(GatewayParts.Plain(), new SessionOptions(), _parts.Clock, _parts.Metrics) { ExpirySeconds = 60 };

    private static string TextOf(Delivery delivery) => System.Text.Encoding.UTF8.GetString(delivery.Message.Payload.Span);

    private static List<string> Sent(Session session, ISessionConnection owner)
    {
        List<string> sent = [];
        int looks = RetainedCursors.LooksPerTurn;
        while (session.TryDequeue(owner, now: 0, ref looks, out var next))
            sent.Add(next.Publish is { } publish ? $"{next.PacketId}={TextOf(publish)} {publish.Qos} {next.Duplicate}" : $"{next.PacketId} released");
        return sent;
    }

    private static MovedMessages Messages(params string[] queued) => new([], [.. queued.Select(payload => PeerMessages.Of(Message(payload), 0))], 0, [], []);

    private static SessionIdentity Identity(long epoch)
    {
        var plain = GatewayParts.Plain();
        return new SessionIdentity
        {
            Kind = plain.Kind, ClientId = plain.ClientId, ConnectionId = plain.ConnectionId, Policy = plain.Policy, RemoteAddress = plain.RemoteAddress, Epoch = new(epoch),
        };
    }

    private sealed class Nobody : ISessionConnection
    {
        public bool IsHeld => false;

        public void Wake() { }

        public void End(EndCause cause) { }
    }

    private static Delivery Message(string payload, string? share = null) => new(
        new Publication("t"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), Qos.ExactlyOnce), Qos.AtLeastOnce, retain: false,
        share: share);
}
