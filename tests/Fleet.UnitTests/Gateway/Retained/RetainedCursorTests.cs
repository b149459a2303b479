using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Retained;

/// <summary>A new subscription reads the retained messages as its client takes them, whatever becomes of them meanwhile.</summary>
public sealed class RetainedCursorTests
{
    /// <summary>Clean start, receive maximum 2.</summary>
    private const string TakesTwo = "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 02 00 01 70";

    /// <summary>The same without clean start, and with a session expiry of 60 s.</summary>
    private const string TakesTwoAndStays = "10 16 00 04 4D 51 54 54 05 00 00 3C 08 11 00 00 00 3C 21 00 02 00 01 70";

    private readonly GatewayParts _parts = new();

    [Fact]
    public void A_client_that_acknowledges_nothing_has_nothing_queued_for_it_however_often_it_subscribes()
    {
        Retain(Enumerable.Range(0, 500).Select(i => $"t/{i}"));
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 400; i++) client.Subscribe("t/#", Qos.AtLeastOnce);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400 * 8_192);
        Assert.Equal((0, 2), client.Session.Outbound.Backlog);
        // What is in flight, and all of them once.
        Assert.Equal(2 + 500, ReadAll(client).Count);
    }

    [Fact]
    public void A_repeated_SUBSCRIBE_without_retained_messages_leaves_those_that_are_owed()
    {
        Retain(["t/1", "t/2", "t/3", "t/4", "t/5"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        client.Subscribe(new Subscription("t/#") { RetainHandling = RetainHandling.SendIfNewSubscription }, identifier: 7);
        var messages = ReadAll(client);
        Assert.Equal(5, messages.Select(Text).Distinct().Count());
        // As the subscription is now: with QoS 0, and its identifier.
        Assert.Equal(3, messages.Count(message => message.EndsWith(" retained for 7", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_is_published_meanwhile_comes_after_what_was_retained_and_once()
    {
        Retain(["t/1", "t/2", "t/3", "t/4"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        // Each is yet to come, is in flight, or was not there.
        foreach (string topic in (string[])["t/1", "t/2", "t/3", "t/4", "t/5"])
            publisher.Publish(topic, "live", Qos.AtLeastOnce, retain: true);
        publisher.Publish("t/6", "passing", Qos.AtLeastOnce);
        var messages = ReadAll(client).ConvertAll(Text);
        Assert.Distinct(messages);
        Assert.Equal(2, messages.Count(message => message.EndsWith("=old", StringComparison.Ordinal)));
        Assert.Equal(["t/1=live", "t/2=live", "t/3=live", "t/4=live", "t/5=live", "t/6=passing"], messages[2..]);
    }

    [Fact]
    public void An_older_value_does_not_come_after_a_newer_one_that_is_not_retained()
    {
        Retain(["t/1", "t/2", "t/3", "t/4"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        foreach (string topic in (string[])["t/1", "t/2", "t/3", "t/4"]) publisher.Publish(topic, "passing", Qos.AtLeastOnce);
        var messages = ReadAll(client).ConvertAll(Text);
        Assert.Equal(["t/1=old", "t/2=old", "t/3=old", "t/4=old"], messages[..4].Order());
        Assert.Equal(["t/1=passing", "t/2=passing", "t/3=passing", "t/4=passing"], messages[4..]);
    }

    [Fact]
    public void Each_message_is_the_one_that_is_there_when_its_turn_comes()
    {
        Retain(["t/1", "t/2", "t/3", "t/4", "t/5"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe(new Subscription("t/#", Qos.AtLeastOnce));
        string[] inFlight = [.. client.ReadMessages().Select(message => Text(message).Split('=')[0])];
        string[] left = [.. Enumerable.Range(1, 5).Select(i => $"t/{i}").Except(inFlight)];
        // Of another gateway, which has not forwarded them: the subscription was not known there.
        _parts.Retained.Apply(Message(left[0], ""), 100, null, null);
        _parts.Retained.Apply(Message(left[1], "changed"), 101, null, null);
        _parts.Retained.Apply(Message(left[2], "expired"), 102, _parts.Time.GetUtcNow(), null);
        Assert.Equal([$"{left[1]}=changed"], ReadAll(client, ids: [1, 2]).ConvertAll(Text));
    }

    [Fact]
    public void UNSUBSCRIBE_ends_it()
    {
        Retain(["t/1", "t/2", "t/3", "t/4"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        client.Send(output => UnsubscribePacket.Write(output, MqttVersion.V5, 1, default, ["t/#"]));
        Assert.Equal(2, ReadAll(client).Count);
    }

    [Fact]
    public void A_persistent_session_gets_the_rest_when_its_client_is_back()
    {
        Retain(Enumerable.Range(0, 10).Select(i => $"t/{i}"));
        var first = Connect("c", TakesTwoAndStays);
        first.Subscribe("t/#", Qos.AtLeastOnce);
        var before = first.ReadMessages().ConvertAll(Text);
        Assert.Equal(2, before.Count);
        first.Lose();
        var again = TestClient.Connected(_parts, GatewayParts.Plain("c"), connect: TakesTwoAndStays, readAll: false);
        var messages = ReadAll(again).ConvertAll(Text);
        // Those in flight come again.
        Assert.Equal(before, messages[..2]);
        Assert.Equal(10, messages.Count);
        Assert.Distinct(messages);
    }

    [Theory, InlineData(10), InlineData(2)]
    public async Task After_a_kill_a_persistent_session_gets_all_of_them_if_some_were_not_sent_or_not_acknowledged(int retained)
    {
        string[] topics = [.. Enumerable.Range(0, retained).Select(i => $"t/{i}")];
        Retain(topics);
        var client = Connect("c", TakesTwoAndStays);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        Assert.Equal(2, client.ReadMessages().Count);
        var after = await Kill(_parts, topics);
        var again = TestClient.Connected(after, GatewayParts.Plain("c"), connect: TakesTwoAndStays, readAll: false);
        Assert.Equal(retained, ReadAll(again).Count);
        Assert.False(Assert.Single(again.Session.Subscriptions.All).OwesRetained);
        var last = await Kill(after, topics);
        Assert.Empty(ReadAll(TestClient.Connected(last, GatewayParts.Plain("c"), connect: TakesTwoAndStays, readAll: false)));
    }

    [Fact]
    public void At_another_gateway_all_of_them_come()
    {
        Retain(["t/1", "t/2", "t/3", "t/4"]);
        var client = Connect("c", TakesTwoAndStays);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        Assert.Equal(2, client.ReadMessages().Count);
        var held = Assert.Single(client.Session.Subscriptions.All);
        Assert.True(held.OwesRetained);
        // As a hand-over brings it there.
        var there = new Session(GatewayParts.Plain("c"), _parts.Settings.Sessions, _parts.Clock, _parts.Metrics) { ExpirySeconds = 60 };
        Assert.NotNull(_parts.Broker.Subscribe(there, held));
        there.Attach(client, there.Identity, receiveMaximum: 10);
        int looks = RetainedCursors.LooksPerTurn, count = 0;
        while (there.TryDequeue(client, now: 0, ref looks, out _)) count++;
        Assert.Equal(4, count);
    }

    [Fact]
    public void A_session_that_ends_leaves_nothing_where_it_stood()
    {
        Retain(["t/1", "t/2", "t/3", "t/4"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.AtLeastOnce);
        client.Lose();
        Retain(["t/1", "t/2", "t/3", "t/4"], "");
        // The search for what has expired is somewhere else then.
        Retain(["x", "x", "x", "x"], "");
        int looks = 100;
        var cursor = _parts.Retained.Open(new HeldSubscription(TopicFilter.Parse("t/#"), default, 0), since: 0);
        Assert.False(cursor.TryNext(client, now: 0, ref looks, out _, out _));
        // Only whether there is such a topic at all was looked at.
        Assert.Equal(99, looks);
    }

    [Fact]
    public void Overlapping_subscriptions_have_each_its_own()
    {
        Retain(["t/1", "t/2"]);
        var client = Connect("c", TakesTwo);
        client.Subscribe("t/#", Qos.ExactlyOnce, identifier: 1);
        client.Subscribe("t/1", identifier: 2);
        Assert.Equal(["t/1=old for 1", "t/1=old for 2", "t/2=old for 1"], ReadAll(client).Select(m => $"{Text(m)} {m[m.IndexOf("for", StringComparison.Ordinal)..]}").Order());
    }

    [Fact]
    public void A_filter_that_matches_little_takes_many_short_turns()
    {
        for (int i = 0; i < 20_000; i++) _parts.Retained.Apply(Message($"t/{i}/a", "x"), i + 1, null, null);
        _parts.Retained.Apply(Message("t/0/rare", "x"), 20_001, null, null);
        var client = Connect("c");
        client.IsStuck = true;
        client.Subscribe("t/+/rare");
        int turns = 0;
        Outgoing next = default;
        for (bool found = false; !found; turns++)
        {
            int looks = RetainedCursors.LooksPerTurn;
            found = client.Session.TryDequeue(client, now: 0, ref looks, out next);
        }
        Assert.Equal("t/0/rare", System.Text.Encoding.UTF8.GetString(next.Publish!.Value.Message.Topic));
        // One turn was that of SUBSCRIBE.
        Assert.InRange(turns, 15, 25);
    }

    [Fact]
    public async Task A_subscription_waits_for_what_is_still_being_read_and_the_gateway_does_not()
    {
        var parts = new GatewayParts(settings => settings.ReadsRetained = false);
        parts.Store.Kept.Add(new("t/kept", "old"u8.ToArray(), 1, default, DateTimeOffset.UnixEpoch, null) { Version = 1 });
        parts.Store.Kept.Add(new("t/replaced", "old"u8.ToArray(), 1, default, DateTimeOffset.UnixEpoch, null) { Version = 2 });
        parts.Store.Kept.Add(new("t/removed", "old"u8.ToArray(), 1, default, DateTimeOffset.UnixEpoch, null) { Version = 3 });
        var client = TestClient.Connected(parts, GatewayParts.Plain("c"));
        client.Subscribe("t/#");
        Assert.Equal("90 04 00 09 00 00", client.ReadHex());
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        parts.Store.Versions = 10;
        publisher.Publish("t/replaced", "new", retain: true);
        publisher.Publish("t/removed", "", retain: true);
        await parts.Retained.Flushed();
        Assert.Equal(["t/replaced=new", "t/removed deleted"], parts.Store.Written);
        Assert.Empty(client.ReadMessages());
        await parts.Retained.CatchUp(default);
        Assert.Equal(["t/kept=old retained", "t/replaced=new", "t/removed="], client.ReadMessages());
        Assert.Equal(2, parts.Retained.Count);
    }

    [Fact]
    public async Task Until_the_store_is_read_what_no_cursor_may_bring_an_older_one_of_goes_before_and_nobody_is_cut_off_for_the_wait()
    {
        var parts = new GatewayParts(settings =>
        {
            settings.ReadsRetained = false;
            settings.Sessions.MaxQueuedMessages = 2;
        });
        parts.Store.Kept.Add(new("t/1", "old"u8.ToArray(), 1, default, DateTimeOffset.UnixEpoch, null) { Version = 1 });
        var client = TestClient.Connected(parts, GatewayParts.Plain("c"));
        client.Subscribe("t/#", Qos.AtLeastOnce);
        client.Read();
        client.Session!.DeliverTo(client, Answer("1"));
        Assert.Equal(["answer=1"], client.ReadMessages());
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        for (int i = 1; i <= 3; i++) publisher.Publish($"t/{i}", "new", Qos.AtLeastOnce);
        Assert.Empty(client.ReadMessages());
        Assert.Null(client.Ended);
        await parts.Retained.CatchUp(default);
        Assert.Equal(["t/1=old q1#1 retained", "t/1=new q1#2", "t/2=new q1#3"], ReadAll(client));

        static Delivery Answer(string payload) => new(
            new("answer"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), Qos.AtMostOnce), Qos.AtMostOnce, retain: false);
    }

    private void Retain(IEnumerable<string> topics, string payload = "old")
    {
        foreach (string topic in topics) _parts.Retained.Put(Message(topic, payload), null, out _);
        _parts.Retained.Flushed().GetAwaiter().GetResult();
    }

    /// <summary>Another gateway begins with what the store has, and the same retained messages.</summary>
    private static async Task<GatewayParts> Kill(GatewayParts parts, string[] topics)
    {
        await parts.Journal.Flushed();
        parts.Journal.Close();
        var after = new GatewayParts(settings => settings.ReadsRetained = false, parts.Sessions);
        foreach (string topic in topics) after.Retained.Put(Message(topic, "old"), null, out _);
        await after.Retained.CatchUp(default);
        return after;
    }

    private static Fleet.Gateway.Messages.Publication Message(string topic, string payload) => new(
        System.Text.Encoding.UTF8.GetBytes(topic), System.Text.Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce, retain: true);

    private TestClient Connect(string clientId, string? connect = null) =>
        TestClient.Connected(_parts, GatewayParts.Plain(clientId), connect: connect);

    /// <summary>"topic=payload".</summary>
    private static string Text(string message) => message.Split(' ')[0];

    /// <summary>All that comes to a client that acknowledges, from here on.</summary>
    /// <param name="ids">What it has not acknowledged yet.</param>
    private static List<string> ReadAll(TestClient client, params int[] ids)
    {
        List<string> all = [];
        foreach (int id in ids) client.Send($"40 02 {id:X4}");
        for (var batch = client.ReadMessages(); batch.Count > 0; batch = client.ReadMessages())
        {
            all.AddRange(batch);
            foreach (string message in batch.Where(message => message.Contains(" q", StringComparison.Ordinal)))
            {
                int id = int.Parse(message.Split('#')[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
                if (message.Contains(" q1#", StringComparison.Ordinal)) client.Send($"40 02 {id:X4}");
                else client.Send($"50 02 {id:X4} 70 02 {id:X4}");
            }
        }
        return all;
    }
}
