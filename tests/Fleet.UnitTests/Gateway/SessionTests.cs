using System.Text;
using Fleet.Gateway.Channels;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>What a session promises: delivery, persistence, takeover, wills. Driven by bytes and events.</summary>
public sealed class SessionTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly GatewayParts _parts = new();

    [Fact]
    public void CONNACK_states_every_limit()
    {
        var client = new TestClient(_parts);
        client.Send("10 0D 00 04 4D 51 54 54 05 02 FF FF 00 00 00");
        client.Accept(GatewayParts.Plain("auto-1"));
        // Receive maximum 100, packets of 136 KiB, the assigned client id, 8 topic aliases, keep alive 1,200 s.
        Assert.Equal("20 1A 00 00 17 21 00 64 27 00 02 20 00 12 00 06 61 75 74 6F 2D 31 22 00 08 13 04 B0", client.ReadHex());
    }

    [Fact]
    public void A_refusal_says_why_in_5_0_and_with_a_code_in_3_1_1()
    {
        var five = new TestClient(_parts);
        five.Send("10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70");
        five.Refuse(ReasonCode.NotAuthorized, "no");
        Assert.Equal("20 08 00 87 05 1F 00 02 6E 6F", five.ReadHex());
        var old = new TestClient(_parts);
        old.Send("10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70");
        old.Refuse(ReasonCode.NotAuthorized, "no");
        Assert.Equal("20 02 00 05", old.ReadHex());
        Assert.True(five.IsClosed && old.IsClosed);
    }

    [Fact]
    public void What_follows_CONNECT_waits_for_its_answer()
    {
        var client = new TestClient(_parts);
        var left = client.SendSequence(new(Convert.FromHexString("100E00044D5154540502003C00000170" + "C000")));
        Assert.Equal(2, left.Length);
        client.Accept(GatewayParts.Plain());
        Assert.Equal(0, client.SendSequence(left).Length);
        Assert.EndsWith("D0 00", client.ReadHex(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_reaches_its_subscribers_at_the_lower_QoS()
    {
        var zero = Connect("zero");
        zero.Subscribed("a/+");
        var one = Connect("one");
        one.Subscribed("a/#", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        publisher.Publish("a/b", "x", Qos.AtLeastOnce);
        publisher.Publish("a/b", "y");
        Assert.Equal("40 02 00 01", publisher.ReadHex());
        Assert.Equal(["a/b=x", "a/b=y"], zero.ReadMessages());
        Assert.Equal(["a/b=x q1#1", "a/b=y"], one.ReadMessages());
    }

    [Fact]
    public void Overlapping_subscriptions_bring_one_copy_at_the_best_QoS()
    {
        var client = Connect("c");
        client.Subscribed("a/#");
        client.Subscribed("a/b", Qos.AtLeastOnce);
        client.Publish("a/b", "x", Qos.AtLeastOnce);
        Assert.Equal(["a/b=x q1#1"], client.ReadMessages());
    }

    [Fact]
    public void A_share_group_gets_one_copy_in_turn()
    {
        var members = new[] { Connect("m1"), Connect("m2") };
        foreach (var member in members) member.Subscribed("$share/g/t");
        var publisher = Connect("p");
        for (int i = 0; i < 4; i++) publisher.Publish("t", $"{i}");
        Assert.All(members, member => Assert.Equal(2, member.ReadMessages().Count));
    }

    [Fact]
    public void No_local_keeps_a_client_from_hearing_itself()
    {
        var client = Connect("c");
        client.Send("82 07 00 01 00 00 01 74 04");
        client.Publish("t", "mine");
        Connect("other").Publish("t", "theirs");
        Assert.Equal(["t=theirs"], client.ReadMessages());
    }

    [Fact]
    public void Properties_travel_and_the_expiry_counts_down()
    {
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain("s"), connect: Persistent);
        subscriber.Subscribed("t", Qos.AtLeastOnce);
        subscriber.IsStuck = true;
        // Expiry 10 s, content type "j", user property a=b.
        Connect("p").Send("32 17 00 01 74 00 01 10 02 00 00 00 0A 03 00 01 6A 26 00 01 61 00 01 62 78");
        _parts.Time.Advance(TimeSpan.FromSeconds(3));
        subscriber.IsStuck = false;
        Assert.Equal("32 17 00 01 74 00 01 10 03 00 01 6A 26 00 01 61 00 01 62 02 00 00 00 07 78", subscriber.ReadHex());
    }

    [Fact]
    public void A_topic_alias_stands_for_its_topic()
    {
        var subscriber = Connect("s");
        subscriber.Subscribed("long/topic");
        var publisher = Connect("p");
        publisher.Send("30 11 00 0A 6C 6F 6E 67 2F 74 6F 70 69 63 03 23 00 01 31");
        publisher.Send("30 07 00 00 03 23 00 01 32");
        Assert.Equal(["long/topic=1", "long/topic=2"], subscriber.ReadMessages());
    }

    [Fact]
    public void Messages_of_QoS_1_wait_for_a_client_that_is_away()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        client.Subscribed("t", Qos.AtLeastOnce);
        client.Lose();
        var publisher = Connect("publisher");
        publisher.Publish("t", "at most once");
        publisher.Publish("t", "at least once", Qos.AtLeastOnce);
        var (again, connack) = Reconnect();
        Assert.Equal("20 0E 01 00", connack[..11]);
        Assert.Equal(["t=at least once q1#1"], again.ReadMessages());
    }

    [Fact]
    public void What_was_not_acknowledged_is_sent_again_with_DUP()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        client.Subscribed("t", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        publisher.Publish("t", "1", Qos.AtLeastOnce);
        publisher.Publish("t", "2", Qos.AtLeastOnce);
        Assert.Equal(["t=1 q1#1", "t=2 q1#2"], client.ReadMessages());
        client.Send("40 02 00 01");
        client.Lose();
        var (again, _) = Reconnect(read: false);
        Assert.Equal(["t=2 q1#2 dup"], again.ReadMessages());
    }

    [Fact]
    public void A_session_ends_when_its_expiry_does_and_with_a_clean_start()
    {
        TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent).Lose();
        _parts.Time.Advance(TimeSpan.FromSeconds(59));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Empty(_parts.Leases.Keys);
        var (again, connack) = Reconnect();
        Assert.Equal("01", connack[6..8]);
        again.Lose();
        _parts.Time.Advance(TimeSpan.FromSeconds(60));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Equal(["plain/p"], _parts.Leases.Keys);
        Assert.Equal("00", Reconnect().ConnAck[6..8]);
    }

    [Fact]
    public void A_newcomer_takes_over_and_the_old_connection_hears_it()
    {
        var old = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        old.Subscribed("t", Qos.AtLeastOnce);
        var (newcomer, connack) = Reconnect();
        Assert.Equal("01", connack[6..8]);
        Assert.StartsWith("E0", old.ReadHex(), StringComparison.Ordinal);
        Assert.Equal(ReasonCode.SessionTakenOver, old.Ended?.Code);
        Connect("publisher").Publish("t", "x", Qos.AtLeastOnce);
        Assert.Equal(["t=x q1#1"], newcomer.ReadMessages());
        Assert.Empty(_parts.Leases.Keys);
    }

    [Fact]
    public void A_client_that_takes_nothing_loses_QoS_0_first_and_is_then_cut_off()
    {
        var parts = new GatewayParts(options => options.Sessions.MaxQueuedMessages = 4);
        var slow = TestClient.Connected(parts, GatewayParts.Plain("slow"));
        slow.Subscribed("t", Qos.AtLeastOnce);
        slow.IsStuck = true;
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        for (int i = 0; i < 4; i++) publisher.Publish("t", "zero");
        publisher.Publish("t", "dropped at once");
        for (ushort i = 1; i <= 4; i++) publisher.Publish("t", "one", Qos.AtLeastOnce, i);
        Assert.Null(slow.Ended);
        publisher.Publish("t", "one too many", Qos.AtLeastOnce, 5);
        Assert.Equal(ReasonCode.QuotaExceeded, slow.Ended?.Code);
        Assert.Equal("40 02 00 01 40 02 00 02 40 02 00 03 40 02 00 04 40 02 00 05", publisher.ReadHex());
    }

    [Fact]
    public void No_more_is_in_flight_than_the_client_takes()
    {
        // Receive maximum 2.
        var client = TestClient.Connected(
            _parts, GatewayParts.Plain(), connect: "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 02 00 01 70");
        client.Subscribed("t", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        for (ushort i = 1; i <= 4; i++) publisher.Publish("t", $"{i}", Qos.AtLeastOnce, i);
        Assert.Equal(["t=1 q1#1", "t=2 q1#2"], client.ReadMessages());
        client.Send("40 02 00 01");
        Assert.Equal(["t=3 q1#3"], client.ReadMessages());
    }

    [Fact]
    public void A_message_larger_than_the_client_takes_is_left_out()
    {
        var client = TestClient.Connected(
            _parts, GatewayParts.Plain(), connect: "10 13 00 04 4D 51 54 54 05 02 00 3C 05 27 00 00 00 40 00 01 70");
        client.Subscribed("t", Qos.AtLeastOnce);
        var publisher = Connect("publisher");
        publisher.Publish("t", new string('x', 100), Qos.AtLeastOnce);
        publisher.Publish("t", "small", Qos.AtLeastOnce);
        Assert.Equal(["t=small q1#2"], client.ReadMessages());
    }

    [Fact]
    public void Keep_alive_is_honoured_one_and_a_half_times()
    {
        var client = Connect("c");
        _parts.Time.Advance(TimeSpan.FromSeconds(80));
        client.Send("C0 00");
        _parts.Time.Advance(TimeSpan.FromSeconds(90));
        client.Tick();
        Assert.False(client.IsClosed);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
        Assert.Equal(ReasonCode.KeepAliveTimeout, client.Ended?.Code);
        Assert.Contains("E0", client.ReadHex(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_will_goes_out_when_the_connection_is_lost_and_not_after_DISCONNECT()
    {
        var watcher = Connect("watcher");
        watcher.Subscribed("w");
        ConnectWithWill(delaySeconds: 0).Send("E0 00");
        ConnectWithWill(delaySeconds: 0).Send("E0 01 04");
        ConnectWithWill(delaySeconds: 0).Lose();
        Assert.Equal(["w=gone", "w=gone"], watcher.ReadMessages());
    }

    [Fact]
    public void A_delayed_will_waits_and_is_forgotten_if_the_client_is_back_in_time()
    {
        var watcher = Connect("watcher");
        watcher.Subscribed("w");
        ConnectWithWill(delaySeconds: 10).Lose();
        _parts.Time.Advance(TimeSpan.FromSeconds(9));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        ConnectWithWill(delaySeconds: 10).Lose();
        _parts.Time.Advance(TimeSpan.FromSeconds(9));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Empty(watcher.ReadMessages());
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        Assert.Equal(["w=gone"], watcher.ReadMessages());
    }

    [Fact]
    public void A_will_whose_delay_has_passed_goes_out_although_the_client_is_back_before_the_sweep()
    {
        var watcher = Connect("watcher");
        watcher.Subscribed("w");
        ConnectWithWill(delaySeconds: 10).Lose();
        _parts.Time.Advance(TimeSpan.FromSeconds(10));
        Reconnect();
        Assert.Equal(["w=gone"], watcher.ReadMessages());
    }

    [Theory]
    [InlineData(
        "10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70", "82 06 00 01 00 01 74 00", "10 0D 00 04 4D 51 54 54 04 00 00 3C 00 01 70",
        "20 02 00 00")]
    [InlineData("10 0E 00 04 4D 51 54 54 05 00 00 3C 00 00 01 70", "82 07 00 01 00 00 01 74 00", Persistent, "20 0E 00 00")]
    public void A_session_that_ends_with_its_connection_is_not_gone_on_with_by_a_newer_one(
        string first, string subscribe, string second, string connack)
    {
        var old = TestClient.Connected(_parts, GatewayParts.Plain(), connect: first);
        old.Send(subscribe);
        var newer = new TestClient(_parts);
        newer.Send(second);
        newer.Accept(GatewayParts.Plain());
        Assert.StartsWith(connack, newer.ReadHex(), StringComparison.Ordinal);
        Assert.Equal(ReasonCode.SessionTakenOver, old.Ended?.Code);
        Connect("publisher").Publish("t", "x");
        Assert.Equal("", newer.ReadHex());
    }

    [Fact]
    public async Task A_retained_message_is_acknowledged_when_it_is_durable()
    {
        _parts.Store.Hold();
        var publisher = Connect("publisher");
        publisher.Publish("r", "kept", Qos.AtLeastOnce, 1, retain: true);
        publisher.Publish("t", "after it", Qos.AtLeastOnce, 2);
        Assert.Equal("", publisher.ReadHex());
        var effect = Assert.IsType<ChannelEffect.AwaitDurable>(Assert.Single(publisher.Effects, e => e is ChannelEffect.AwaitDurable));
        _parts.Store.Release();
        await effect.Durable;
        publisher.Completed(effect.Ticket!);
        // In the order of the PUBLISHes [MQTT-4.6.0-2].
        Assert.Equal("40 02 00 01 40 02 00 02", publisher.ReadHex());
        Assert.Equal(["r=kept"], _parts.Store.Written);
    }

    [Fact]
    public async Task A_retained_message_that_was_not_stored_is_not_acknowledged_as_if_it_were()
    {
        _parts.Store.Failure = new IOException("disk full");
        var publisher = Connect("publisher");
        publisher.Publish("r", "lost", Qos.AtLeastOnce, 1, retain: true);
        var effect = Assert.IsType<ChannelEffect.AwaitDurable>(publisher.Effects[^1]);
        await Assert.ThrowsAsync<IOException>(() => effect.Durable);
        publisher.Completed(effect.Ticket!, ReasonCode.UnspecifiedError);
        Assert.Equal("40 03 00 01 80", publisher.ReadHex());
    }

    [Fact]
    public async Task Writes_of_one_topic_keep_their_order_and_the_last_one_wins()
    {
        _parts.Store.Hold();
        var publisher = Connect("publisher");
        for (int i = 0; i < 5; i++) publisher.Publish("r", $"{i}", retain: true);
        publisher.Publish("r", "", retain: true);
        _parts.Store.Release();
        await _parts.Retained.Flushed();
        Assert.Equal("r deleted", _parts.Store.Written[^1]);
        Assert.Equal(0, _parts.Retained.Count);
    }

    [Fact]
    public void Retained_messages_come_after_SUBACK_as_retain_handling_asks()
    {
        Connect("publisher").Publish("r/1", "kept", retain: true);
        var client = Connect("c");
        client.Subscribe("r/+");
        Assert.Equal("90 04 00 09 00 00 31 0A 00 03 72 2F 31 00 6B 65 70 74", client.ReadHex());
        // Retain handling 1: only if the subscription is new; 2: not at all.
        client.Send("82 09 00 01 00 00 03 72 2F 2B 10");
        client.Send("82 09 00 01 00 00 03 72 2F 31 10");
        client.Send("82 09 00 01 00 00 03 23 2F 23 20");
        Assert.Equal(["r/1=kept retained"], client.ReadMessages());
    }

    [Fact]
    public void A_whole_fleet_s_retained_messages_do_not_count_as_a_slow_client_s_queue()
    {
        // Each has as many unacknowledged as it may.
        foreach (int[] hundred in Enumerable.Range(0, 3_000).Chunk(100))
        {
            var device = Connect($"device {hundred[0]}");
            foreach (int i in hundred) device.Publish($"status/{i}", "on", Qos.AtLeastOnce, retain: true);
        }
        var publisher = Connect("publisher");
        var watcher = Connect("watcher");
        watcher.IsStuck = true;
        watcher.Subscribe("status/+", Qos.AtLeastOnce);
        publisher.Publish("status/0", "off");
        watcher.IsStuck = false;
        var messages = new List<string>();
        for (var batch = watcher.ReadMessages(); batch.Count > 0; batch = watcher.ReadMessages())
        {
            messages.AddRange(batch);
            foreach (string id in batch.Where(m => m.Contains('#', StringComparison.Ordinal)).Select(m => m.Split('#')[1].Split(' ')[0]))
                watcher.Send($"40 02 {int.Parse(id):X4}");
        }
        Assert.Null(watcher.Ended);
        Assert.Equal(3_001, messages.Count);
        Assert.Equal("status/0=off", messages[^1]);
    }

    [Fact]
    public void More_in_flight_than_the_receive_maximum_ends_the_connection()
    {
        _parts.Store.Hold();
        var client = Connect("c");
        for (ushort i = 1; i <= 101; i++) client.Publish($"r/{i}", "x", Qos.AtLeastOnce, i, retain: true);
        Assert.Equal(ReasonCode.ReceiveMaximumExceeded, client.Ended?.Code);
        _parts.Store.Release();
    }

    [Fact]
    public void Quotas_answer_with_their_code()
    {
        var client = Connect("c");
        for (int i = 0; i < 50; i++) client.Subscribed($"s/{i}");
        client.Subscribe("s/50");
        Assert.Equal(0x97, client.Read()[^1]);
        client.Send(output => SubscribePacket.Write(output, MqttVersion.V5, 1, default,
            [.. Enumerable.Range(0, 9).Select(i => new Subscription($"s/{i}"))]));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0x97], client.Read()[^9..].Select(b => (int)b));
    }

    [Fact]
    public void A_revoked_certificate_ends_its_sessions_and_nothing_more_is_delivered()
    {
        string certificate = new('c', 64);
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1", certificate), connect: Persistent);
        device.Subscribed("fleet/amr-1/#", Qos.AtLeastOnce);
        Assert.Equal(1, _parts.Directory.EndSessionsOf(device.Session.Identity.Certificate!.Value));
        Assert.Equal(ReasonCode.AdministrativeAction, device.Ended?.Code);
        device.Read();
        Connect("p").Publish("fleet/amr-1/x", "secret", Qos.AtLeastOnce);
        Assert.Empty(device.ReadMessages());
        Assert.Equal(["amr-1"], _parts.Leases.Keys);
        Assert.False(_parts.Broker.HasSubscribers("fleet/amr-1/x"u8));
    }

    [Fact]
    public void A_denied_publish_ends_a_3_1_1_connection_and_is_told_in_PUBACK_in_5_0()
    {
        var old = TestClient.Connected(_parts, GatewayParts.Device("amr-1"), MqttVersion.V311);
        old.Publish("fleet/amr-2/x", "", Qos.AtLeastOnce, version: MqttVersion.V311);
        Assert.True(old.IsClosed);
        Assert.Equal("", old.ReadHex());
        var five = TestClient.Connected(_parts, GatewayParts.Device("amr-2"));
        five.Publish("fleet/amr-1/x", "", Qos.AtLeastOnce);
        byte[] puback = five.Read();
        Assert.Equal(0x87, puback[4]);
        Assert.Contains("fleet/amr-1/x", Encoding.UTF8.GetString(puback), StringComparison.Ordinal);
        Assert.False(five.IsClosed);
        five.Publish("fleet/amr-1/x");
        Assert.Equal(ReasonCode.NotAuthorized, five.Ended?.Code);
    }

    [Theory]
    [InlineData("$aws/things/amr-1/shadow/update/accepted")]
    [InlineData("$aws/things/amr-1/jobs/notify-next")]
    [InlineData("$aws/things/amr-1/streams/s/data/cbor")]
    [InlineData("$aws/things/amr-1/nonsense")]
    public void A_topic_that_only_the_service_publishes_to_is_denied(string topic)
    {
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        device.Publish(topic, "{}", Qos.AtLeastOnce);
        Assert.Equal(0x87, device.Read()[4]);
        Assert.Empty(device.Effects.OfType<ChannelEffect.Handle>());
    }

    [Fact]
    public void A_request_takes_no_retain_and_its_PUBACK_waits_for_the_answer()
    {
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        device.Publish("$aws/things/amr-1/shadow/get", "", Qos.AtLeastOnce, 1, retain: true);
        Assert.Equal(0x87, device.Read()[4]);
        device.Publish("$aws/things/amr-1/shadow/get", "", Qos.AtLeastOnce, 2);
        var request = Assert.Single(device.Effects.OfType<ChannelEffect.Handle>());
        Assert.Equal("", device.ReadHex());
        device.Completed(request.Ticket!);
        Assert.Equal("40 02 00 02", device.ReadHex());
    }

    private TestClient Connect(string clientId) => TestClient.Connected(_parts, GatewayParts.Plain(clientId));

    private (TestClient Client, string ConnAck) Reconnect(bool read = true)
    {
        var client = new TestClient(_parts);
        client.Send(Persistent);
        client.Accept(GatewayParts.Plain());
        return (client, read ? client.ReadConnAck() : "");
    }

    /// <summary>Client id "p", session expiry 60 s, a will on "w" with payload "gone".</summary>
    private TestClient ConnectWithWill(int delaySeconds) => TestClient.Connected(
        _parts, GatewayParts.Plain(), connect: "10 22 00 04 4D 51 54 54 05 04 00 3C 05 11 00 00 00 3C 00 01 70 05 18 00 00 00 "
            + $"{delaySeconds:X2} 00 01 77 00 04 67 6F 6E 65");
}
