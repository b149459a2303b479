using Fleet.Gateway;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Journal;

/// <summary>
/// What a persistent session is promised, through the end of the process at any moment: another gateway begins with what the store has.
/// </summary>
public sealed class DurableSessionTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly MemorySessionStore _store = new();
    private GatewayParts _parts;

    public DurableSessionTests() => _parts = new GatewayParts(sessions: _store);

    [Fact]
    public void What_an_absent_subscriber_is_owed_is_there_after_a_kill()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t/#", Qos.ExactlyOnce);
        subscriber.Lose();
        Publish("t/1", "a", Qos.AtLeastOnce);
        Publish("t/2", "b", Qos.ExactlyOnce);
        Publish("t/3", "c", Qos.AtMostOnce);
        Kill();
        Publish("t/4", "d", Qos.AtLeastOnce);
        var back = Connect("s", present: true);
        // Nothing was sent before: no DUP.
        Assert.Equal(["t/1=a q1#1", "t/2=b q2#2", "t/4=d q1#3"], back.ReadMessages());
    }

    [Fact]
    public void What_a_present_subscriber_may_have_had_comes_again_with_DUP_in_order()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        foreach (string payload in (string[])["1", "2", "3"]) Publish("t", payload, Qos.AtLeastOnce);
        Assert.Equal(["t=1 q1#1", "t=2 q1#2", "t=3 q1#3"], subscriber.ReadMessages());
        subscriber.Send("40 02 00 02");
        Kill();
        Assert.Equal(["t=1 q1#1 dup", "t=3 q1#3 dup"], Connect("s", present: true).ReadMessages());
    }

    [Fact]
    public void A_message_comes_again_after_a_kill_with_the_packet_identifier_that_it_had_whenever_it_was_sent()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        foreach (string payload in (string[])["1", "2"]) Publish("t", payload, Qos.AtLeastOnce);
        Kill();
        subscriber = Connect("s", present: true);
        Publish("t", "3", Qos.AtLeastOnce);
        Assert.Equal(["t=1 q1#1", "t=2 q1#2", "t=3 q1#3"], subscriber.ReadMessages());
        subscriber.Send("40 02 00 01");
        Flush(_parts);
        int batches = _store.Batches.Count;
        Kill();
        // Nothing was written for that.
        Assert.DoesNotContain(_store.Batches.Take(batches), batch => batch.IdentifiedDeliveries.Count > 0);
        Assert.Equal(["t=2 q1#2 dup", "t=3 q1#3 dup"], Connect("s", present: true).ReadMessages());
    }

    [Fact]
    public void PUBACK_comes_when_the_message_is_durable()
    {
        Connect("s").Subscribed("t", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        _store.Hold();
        publisher.Publish("t", "x", Qos.AtLeastOnce, 7);
        Assert.Equal("", publisher.ReadHex());
        _store.Release();
        Assert.Equal("40 02 00 07", publisher.ReadHex());
        Assert.Equal(["x"], _store.Owed("plain/s"));
    }

    [Fact]
    public void What_the_subscriber_acknowledges_first_is_not_written()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        publisher.Read();
        _store.Hold();
        // One page is on its way; what comes now waits for the next.
        _parts.Journal.Put(_parts.Journal.NewSession(), "none", null);
        SpinWait.SpinUntil(() => _store.Waiting > 0);
        int batches = _store.Batches.Count;
        publisher.Publish("t", "x", Qos.AtLeastOnce, 7);
        Assert.Equal(["t=x q1#1"], subscriber.ReadMessages());
        subscriber.Send("40 02 00 01");
        _store.Release();
        Assert.Equal("40 02 00 07", publisher.ReadHex());
        Assert.DoesNotContain(_store.Batches.Skip(batches), batch => batch.Deliveries.Count + batch.Messages.Count > 0);
    }

    [Fact]
    public void A_QoS_2_message_is_sent_when_it_is_durable_and_never_under_another_identifier()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = Connect("publisher");
        publisher.Read();
        _store.Hold();
        publisher.Publish("t", "x", Qos.ExactlyOnce, 7);
        Assert.Equal("", subscriber.ReadHex());
        _store.Release();
        Assert.Equal(["t=x q2#1"], subscriber.ReadMessages());
        Kill();
        var back = Connect("s", present: true);
        Assert.Equal(["t=x q2#1 dup"], back.ReadMessages());
        back.Send("50 02 00 01");
        Assert.Equal("62 02 00 01", back.ReadHex());
        Kill();
        // The client has it: only PUBREL goes out again.
        back = Connect("s", present: true);
        Assert.Equal("62 02 00 01", back.ReadHex());
        back.Send("70 02 00 01");
        Kill();
        Assert.Equal("", Connect("s", present: true).ReadHex());
    }

    [Fact]
    public void Messages_of_both_kinds_that_may_have_been_sent_keep_apart_by_their_identifiers()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        for (int i = 1; i <= 6; i++) Publish("t", $"{i}", i % 2 == 0 ? Qos.ExactlyOnce : Qos.AtLeastOnce);
        Assert.Equal(6, subscriber.ReadMessages().Count);
        Kill();
        var again = Connect("s", present: true).ReadMessages();
        Assert.Equal(["t=1", "t=2", "t=3", "t=4", "t=5", "t=6"], again.Select(message => message[..3]));
        Assert.Equal(6, again.Select(message => message.Split(' ')[1].Split('#')[1]).Distinct().Count());
    }

    [Fact]
    public void PUBREL_goes_out_when_PUBREC_is_durable()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        Publish("t", "x", Qos.ExactlyOnce);
        Assert.Equal(["t=x q2#1"], subscriber.ReadMessages());
        _store.Hold();
        subscriber.Send("50 02 00 01");
        Assert.Equal("", subscriber.ReadHex());
        _store.Release();
        Assert.Equal("62 02 00 01", subscriber.ReadHex());
    }

    [Fact]
    public void A_repeated_QoS_2_message_is_known_after_a_kill_and_its_identifier_is_free_after_PUBCOMP()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        var publisher = Connect("p");
        publisher.Publish("t", "once", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Kill();
        publisher = Connect("p", present: true);
        publisher.Publish("t", "once", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        publisher.Send("62 02 00 07");
        Assert.Equal("70 02 00 07", publisher.ReadHex());
        Kill();
        publisher = Connect("p", present: true);
        publisher.Publish("t", "another", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Assert.Equal(["once", "another"], _store.Owed("plain/s"));
    }

    [Fact]
    public void Of_a_session_that_ends_with_its_connection_nothing_is_stored_and_nobody_waits_for_the_store()
    {
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain("s"));
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("publisher"));
        _store.Hold();
        publisher.Publish("t", "x", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Assert.Equal(["t=x q2#1"], subscriber.ReadMessages());
        Assert.Equal((0, 0), (_store.Asked, _store.Batches.Count));
    }

    [Fact]
    public void A_subscription_is_durable_before_SUBACK_and_its_end_before_UNSUBACK()
    {
        var subscriber = Connect("s");
        _store.Hold();
        subscriber.Subscribe("t", Qos.AtLeastOnce);
        Assert.Equal("", subscriber.ReadHex());
        _store.Release();
        Assert.Equal("90 04 00 09 00 01", subscriber.ReadHex());
        Kill();
        Publish("t", "x", Qos.AtLeastOnce);
        subscriber = Connect("s", present: true);
        Assert.Single(subscriber.ReadMessages());
        subscriber.Send("40 02 00 01");
        subscriber.Send("A2 06 00 0A 00 00 01 74");
        Assert.Equal("B0 04 00 0A 00 00", subscriber.ReadHex());
        Kill();
        Publish("t", "y", Qos.AtLeastOnce);
        Assert.Empty(Connect("s", present: true).ReadMessages());
    }

    [Fact]
    public void A_clean_start_leaves_nothing_to_come_back()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        Publish("t", "x", Qos.AtLeastOnce);
        TestClient.Connected(_parts, GatewayParts.Plain("s")).Lose();
        Kill();
        Assert.Null(_store.Session("plain/s"));
        Assert.Equal(0, _store.MessageCount);
    }

    [Fact]
    public void While_the_store_fails_nobody_is_told_that_all_is_well()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        var five = Connect("five");
        var old = TestClient.Connected(_parts, GatewayParts.Plain("old"), MqttVersion.V311);
        Flush(_parts);
        _store.Failure = new IOException("disk full");
        _store.Hold();
        five.Publish("t", "x", Qos.AtLeastOnce, 7);
        old.Publish("t", "x", Qos.AtLeastOnce, 7, version: MqttVersion.V311);
        _store.Release();
        while (!_parts.Journal.IsFailing) Thread.Yield();
        // 0x83, and a closed connection.
        _store.Hold();
        Assert.StartsWith("40 ", five.ReadHex(), StringComparison.Ordinal);
        old.Read();
        Assert.True(old.IsClosed);
        five.Publish("t", "y", Qos.AtLeastOnce, 8);
        Assert.Contains(" 00 08 83 ", five.ReadHex(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_absent_subscriber_costs_the_store_no_more_than_its_queue()
    {
        _parts = new GatewayParts(options => options.Sessions.MaxQueuedMessages = 3, _store);
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        for (int i = 1; i <= 10; i++) Publish("t", $"{i}", Qos.AtLeastOnce);
        Flush(_parts);
        Assert.Equal(["1", "2", "3"], _store.Owed("plain/s"));
        Assert.Equal(3, _store.MessageCount);
    }

    [Fact]
    public void A_will_with_a_delay_goes_out_after_a_kill_too()
    {
        // Clean start 0, will "w" of QoS 1 on "t", delay 30 s, session expiry 60 s.
        var client = TestClient.Connected(
            _parts, GatewayParts.Plain("c"),
            connect: "10 1F 00 04 4D 51 54 54 05 0C 00 3C 05 11 00 00 00 3C 00 01 70 05 18 00 00 00 1E 00 01 74 00 01 77");
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        Kill();
        _parts.Time.Advance(TimeSpan.FromSeconds(29));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Empty(_store.Owed("plain/s"));
        _parts.Time.Advance(TimeSpan.FromSeconds(2));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Equal(["t=w q1#1"], Connect("s", present: true).ReadMessages());
        Assert.Null(_store.Session("plain/c")!.Will);
    }

    [Fact]
    public void A_session_whose_time_is_up_is_not_brought_back()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        Flush(_parts);
        var later = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow().AddSeconds(121));
        Flush(later);
        Assert.Null(later.Directory.Find("plain/s"));
        Assert.Equal(["plain/s"], later.Leases.Keys);
        Assert.Null(_store.Session("plain/s"));
    }

    [Fact]
    public void One_whose_time_is_just_up_waits_a_minute_for_a_client_that_may_have_been_back_before_the_kill()
    {
        Connect("s").Lose();
        Flush(_parts);
        _parts.Journal.Close();
        _parts = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow().AddSeconds(90));
        _parts.Time.Advance(TimeSpan.FromSeconds(29));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.NotNull(_parts.Directory.Find("plain/s"));
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Null(_parts.Directory.Find("plain/s"));
    }

    [Fact]
    public void A_session_that_is_over_leaves_its_messages_to_those_that_are_not()
    {
        string longer = Persistent.Replace("11 00 00 00 3C", "11 00 00 0E 10", StringComparison.Ordinal);
        foreach (var (clientId, connect) in (ReadOnlySpan<(string, string)>)[("short", Persistent), ("long", longer)])
        {
            var subscriber = TestClient.Connected(_parts, GatewayParts.Plain(clientId), connect: connect);
            subscriber.Subscribed("t", Qos.AtLeastOnce);
            subscriber.Lose();
        }
        Publish("t", "for both", Qos.AtLeastOnce);
        // The first start finds one of them over; the second, what that has left.
        foreach (int minutes in (int[])[5, 5])
        {
            Flush(_parts);
            _parts.Journal.Close();
            _parts = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow().AddMinutes(minutes));
        }
        Assert.Null(_parts.Directory.Find("plain/short"));
        Assert.Equal(
            ["t=for both q1#1"], TestClient.Connected(_parts, GatewayParts.Plain("long"), connect: longer, readAll: false).ReadMessages());
    }

    [Fact]
    public void What_a_session_was_owed_is_not_written_after_it()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.Lose();
        var handle = _parts.Directory.Find("plain/s")!.Stored!;
        _store.Hold();
        // A page is on its way; the next is cut between the session's end and that of its deliveries.
        _parts.Journal.Put(handle, "other", null);
        _ = _parts.Broker.Publish(new Publication("t"u8.ToArray(), "late"u8.ToArray(), Qos.AtLeastOnce));
        _parts.Journal.Remove(handle);
        _store.Release();
        Flush(_parts);
        Assert.DoesNotContain(_store.Batches, batch => batch.Deliveries.Count + batch.Messages.Count > 0);
    }

    [Fact]
    public void A_device_that_is_back_from_the_store_gets_what_its_policy_allows()
    {
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"), connect: Persistent);
        device.Subscribed("fleet/amr-1/#", Qos.AtLeastOnce);
        Kill();
        var back = _parts.Directory.Find("amr-1")!;
        Assert.Equal(SessionKind.Device, back.Identity.Kind);
        Assert.True(back.Identity.Policy.AllowsReceive("fleet/amr-1/x"u8));
        Assert.False(back.Identity.Policy.AllowsReceive("fleet/amr-2/x"u8));
        Assert.Equal(1, _parts.Directory.EndSessionsOf(back.Identity.Certificate!.Value));
        Kill();
        Assert.Null(_parts.Directory.Find("amr-1"));
    }

    /// <summary>The process ends without a word, and another begins. What was not written is lost with it.</summary>
    private void Kill()
    {
        Flush(_parts);
        _parts.Journal.Close();
        _parts = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow());
    }

    private static void Flush(GatewayParts parts) => parts.Journal.Flushed().GetAwaiter().GetResult();

    private TestClient Connect(string clientId, bool present = false)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(clientId), connect: Persistent, readAll: false);
        Assert.Equal(present, client.WasPresent);
        return client;
    }

    private void Publish(string topic, string payload, Qos qos)
    {
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("publisher"));
        publisher.Publish(topic, payload, qos);
        Assert.Equal(qos switch { Qos.AtMostOnce => "", Qos.AtLeastOnce => "40 02 00 01", _ => "50 02 00 01" }, publisher.ReadHex());
    }
}
