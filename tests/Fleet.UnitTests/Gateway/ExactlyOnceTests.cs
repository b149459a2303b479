using Fleet.Gateway.Channels;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Gateway;

/// <summary>QoS 2, both ways (MQTT 5.0, 4.3.3 and 4.4), at the channel.</summary>
public sealed class ExactlyOnceTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly GatewayParts _parts = new();

    [Fact]
    public void A_repeat_is_acknowledged_and_not_delivered_until_the_message_is_released()
    {
        var subscriber = Subscriber();
        var publisher = Connect("publisher");
        publisher.Publish("t", "1", Qos.ExactlyOnce, 7);
        publisher.Publish("t", "1", Qos.ExactlyOnce, 7);
        Assert.Equal("50 02 00 07 50 02 00 07", publisher.ReadHex());
        publisher.Send("62 02 00 07");
        publisher.Send("62 02 00 07");
        // The second PUBREL finds nothing: 0x92.
        Assert.Equal("70 02 00 07 70 03 00 07 92", publisher.ReadHex());
        publisher.Publish("t", "2", Qos.ExactlyOnce, 7);
        Assert.Equal(["t=1 q2#1", "t=2 q2#2"], subscriber.ReadMessages());
    }

    [Fact]
    public void A_flood_of_one_identifier_costs_nothing()
    {
        var parts = new GatewayParts(options => options.Channels.MaxPublishesPerSecond = 1_000_000);
        var subscriber = TestClient.Connected(parts, GatewayParts.Plain("s"));
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        byte[] publish = Convert.FromHexString("3406000174000700");
        publisher.SendBytes(publish);
        publisher.Read();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100_000; i++) publisher.SendBytes(publish);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(400_000, publisher.Read().Length);
        Assert.Equal(["t= q2#1"], subscriber.ReadMessages());
        // What the test itself keeps of the answers is a buffer that doubles: a repeat allocates nothing.
        Assert.True(allocated < 4_000_000, $"{allocated} bytes");
    }

    [Fact]
    public async Task PUBREC_keeps_the_order_of_the_messages_and_repeats_share_its_fate()
    {
        _parts.Store.Hold();
        var publisher = Connect("publisher");
        publisher.Publish("r", "kept", Qos.AtLeastOnce, 1, retain: true);
        publisher.Publish("t", "x", Qos.ExactlyOnce, 2);
        publisher.Publish("t", "x", Qos.ExactlyOnce, 2);
        Assert.Equal("", publisher.ReadHex());
        var effect = Assert.Single(publisher.Effects.OfType<ChannelEffect.AwaitDurable>());
        _parts.Store.Release();
        await effect.Durable;
        publisher.Completed(effect.Ticket!);
        Assert.Equal("40 02 00 01 50 02 00 02 50 02 00 02", publisher.ReadHex());
    }

    [Fact]
    public void What_was_not_taken_is_no_repeat_the_next_time()
    {
        _parts.Store.Hold();
        var publisher = Connect("publisher");
        publisher.Publish("r", "lost", Qos.ExactlyOnce, 1, retain: true);
        publisher.Completed(Ticket(publisher), ReasonCode.UnspecifiedError);
        Assert.Equal("50 03 00 01 80", publisher.ReadHex());
        publisher.Send("62 02 00 01");
        Assert.Equal("70 03 00 01 92", publisher.ReadHex());
        publisher.Publish("r", "again", Qos.ExactlyOnce, 1, retain: true);
        // The same when the connection was gone before the answer came.
        publisher.Lose();
        publisher.Completed(Ticket(publisher), ReasonCode.UnspecifiedError);
        Assert.False(publisher.Session.AwaitingRelease.Holds(1, out _));
        _parts.Store.Release();
    }

    [Fact]
    public async Task What_subscribers_have_is_not_refused_any_more_and_a_repeat_brings_the_rest()
    {
        var subscriber = Subscriber();
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        _parts.Store.Failure = new IOException("disk full");
        var effect = PublishRetained(publisher);
        await Assert.ThrowsAsync<IOException>(() => effect.Durable);
        publisher.Completed(effect.Ticket!, ReasonCode.UnspecifiedError);
        // PUBREC with a refusal would free the identifier, and the message would come once more to who has it.
        Assert.Equal(ReasonCode.UnspecifiedError, publisher.Ended?.Code);
        // The store fails again, and the connection is lost before that is known.
        publisher = Reconnect();
        effect = PublishRetained(publisher);
        await Assert.ThrowsAsync<IOException>(() => effect.Durable);
        publisher.Lose();
        publisher.Completed(effect.Ticket!, ReasonCode.UnspecifiedError);
        _parts.Store.Failure = null;
        publisher = Reconnect();
        effect = PublishRetained(publisher);
        Assert.Equal("", publisher.ReadHex());
        await effect.Durable;
        publisher.Completed(effect.Ticket!);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Assert.Equal(["t=kept"], _parts.Store.Written);
        Assert.Equal(["t=kept q2#1"], subscriber.ReadMessages());
    }

    [Fact]
    public async Task What_is_over_a_limit_by_the_time_of_its_repeat_is_not_retained_and_acknowledged()
    {
        var parts = new GatewayParts(settings => settings.Retained.MaxRetainedMessages = 1);
        var subscriber = TestClient.Connected(parts, GatewayParts.Plain("s"));
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = TestClient.Connected(parts, GatewayParts.Plain(), connect: Persistent);
        parts.Store.Failure = new IOException("disk full");
        var effect = PublishRetained(publisher);
        await Assert.ThrowsAsync<IOException>(() => effect.Durable);
        publisher.Completed(effect.Ticket!, ReasonCode.UnspecifiedError);
        parts.Store.Failure = null;
        TestClient.Connected(parts, GatewayParts.Plain("other")).Publish("other", "x", retain: true);
        publisher = TestClient.Connected(parts, GatewayParts.Plain(), connect: Persistent, readAll: false);
        using var refused = parts.MeterFactory.Count("mqtt.server.retained.refused");
        publisher.Publish("t", "kept", Qos.ExactlyOnce, 7, retain: true);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
        Assert.Equal(["messages 1"], refused.Counted);
        await parts.Retained.Flushed();
        Assert.Equal(["other=x"], parts.Store.Written);
        Assert.Equal(["t=kept q2#1"], subscriber.ReadMessages());
    }

    [Fact]
    public async Task A_repeat_on_the_next_connection_waits_for_what_the_first_waits_for()
    {
        Subscriber();
        _parts.Store.Hold();
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        PublishRetained(publisher);
        publisher.Lose();
        publisher = Reconnect();
        var effect = PublishRetained(publisher);
        Assert.Equal("", publisher.ReadHex());
        _parts.Store.Release();
        await effect.Durable;
        publisher.Completed(effect.Ticket!);
        Assert.Equal("50 02 00 07", publisher.ReadHex());
    }

    [Fact]
    public void A_denied_message_is_not_held()
    {
        var five = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        five.Publish("fleet/amr-2/x", "", Qos.ExactlyOnce, 3);
        Assert.Equal("50", five.ReadHex()[..2]);
        Assert.False(five.Session.AwaitingRelease.Holds(3, out _));
        var old = TestClient.Connected(_parts, GatewayParts.Device("amr-1"), MqttVersion.V311);
        old.Publish("fleet/amr-2/x", "", Qos.ExactlyOnce, 3, version: MqttVersion.V311);
        Assert.True(old.IsClosed);
        Assert.False(old.Session.AwaitingRelease.Holds(3, out _));
    }

    [Fact]
    public void PUBREL_before_PUBREC_ends_the_connection()
    {
        _parts.Store.Hold();
        var publisher = Connect("publisher");
        publisher.Publish("r", "x", Qos.ExactlyOnce, 1, retain: true);
        publisher.Send("62 02 00 01");
        Assert.Equal(ReasonCode.ProtocolError, publisher.Ended?.Code);
        _parts.Store.Release();
    }

    [Fact]
    public void Unreleased_messages_count_against_the_receive_maximum_of_their_connection()
    {
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        for (ushort id = 1; id <= 100; id++) publisher.Publish("t", "x", Qos.ExactlyOnce, id);
        Assert.False(publisher.IsClosed);
        publisher.Send("62 02 00 01");
        publisher.Publish("t", "x", Qos.AtLeastOnce, 1);
        publisher.Publish("t", "x", Qos.ExactlyOnce, 101);
        Assert.False(publisher.IsClosed);
        publisher.Publish("t", "x", Qos.ExactlyOnce, 102);
        Assert.Equal(ReasonCode.ReceiveMaximumExceeded, publisher.Ended?.Code);
        // The next connection has a quota of its own, and the session remembers.
        var again = Reconnect();
        again.Publish("t", "x", Qos.ExactlyOnce, 102);
        again.Publish("t", "x", Qos.ExactlyOnce, 101);
        Assert.False(again.IsClosed);
        Assert.True(again.Session.AwaitingRelease.Holds(2, out _));
    }

    [Fact]
    public void An_identifier_is_remembered_from_connection_to_connection_and_forgotten_with_the_session()
    {
        var subscriber = Subscriber();
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        publisher.Publish("t", "1", Qos.ExactlyOnce, 7);
        publisher.Lose();
        var again = Reconnect();
        again.Publish("t", "1", Qos.ExactlyOnce, 7);
        again.Send("62 02 00 07");
        Assert.Equal("50 02 00 07 70 02 00 07", again.ReadHex());
        again.Publish("t", "2", Qos.ExactlyOnce, 8);
        var anew = Connect("p");
        anew.Publish("t", "3", Qos.ExactlyOnce, 8);
        Assert.Equal(["t=1 q2#1", "t=2 q2#2", "t=3 q2#3"], subscriber.ReadMessages());
    }

    [Fact]
    public void A_subscriber_gets_PUBREL_after_PUBREC_and_the_next_message_after_PUBCOMP()
    {
        // Receive maximum 1.
        var subscriber = TestClient.Connected(
            _parts, GatewayParts.Plain("s"), connect: "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 01 00 01 70");
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = Connect("publisher");
        publisher.Publish("t", "1", Qos.ExactlyOnce, 1);
        publisher.Publish("t", "2", Qos.ExactlyOnce, 2);
        Assert.Equal(["t=1 q2#1"], subscriber.ReadMessages());
        subscriber.Send("50 02 00 01");
        Assert.Equal("62 02 00 01", subscriber.ReadHex());
        subscriber.Send("50 02 00 01");
        Assert.Equal("62 02 00 01", subscriber.ReadHex());
        subscriber.Send("70 02 00 01");
        Assert.Equal(["t=2 q2#2"], subscriber.ReadMessages());
    }

    [Fact]
    public void A_PUBREC_that_refuses_ends_the_delivery()
    {
        var subscriber = TestClient.Connected(
            _parts, GatewayParts.Plain("s"), connect: "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 01 00 01 70");
        subscriber.Subscribed("t", Qos.ExactlyOnce);
        var publisher = Connect("publisher");
        publisher.Publish("t", "1", Qos.ExactlyOnce, 1);
        publisher.Publish("t", "2", Qos.ExactlyOnce, 2);
        subscriber.Read();
        subscriber.Send("50 03 00 01 97");
        Assert.Equal(["t=2 q2#2"], subscriber.ReadMessages());
        // One that finds nothing, and refuses, needs no answer.
        subscriber.Send("50 03 00 09 97");
        Assert.Equal("", subscriber.ReadHex());
    }

    [Fact]
    public void What_was_under_way_is_sent_again_in_its_order()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        client.Subscribed("t", Qos.ExactlyOnce);
        var publisher = Connect("publisher");
        publisher.Publish("t", "1", Qos.AtLeastOnce, 1);
        for (ushort id = 2; id <= 5; id++) publisher.Publish("t", $"{id}", Qos.ExactlyOnce, id);
        client.Read();
        client.Send("50 02 00 02");
        client.Send("50 02 00 04");
        client.Send("70 02 00 04");
        client.Lose();
        publisher.Publish("t", "6", Qos.ExactlyOnce, 6);
        var again = Reconnect();
        // PUBLISH 1, 3 and 5 with DUP, PUBREL 2 between them, and then what is new.
        Assert.Equal(
            "3A 07 00 01 74 00 01 00 31 62 02 00 02 3C 07 00 01 74 00 03 00 33 3C 07 00 01 74 00 05 00 35 34 07 00 01 74 00 06 00 36",
            again.ReadHex());
    }

    [Fact]
    public void What_is_sent_again_keeps_to_the_receive_maximum_of_the_new_connection()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        client.Subscribed("t", Qos.ExactlyOnce);
        var publisher = Connect("publisher");
        for (ushort id = 1; id <= 3; id++) publisher.Publish("t", $"{id}", Qos.ExactlyOnce, id);
        client.Read();
        client.Lose();
        // Receive maximum 2.
        var again = TestClient.Connected(_parts, GatewayParts.Plain(),
            connect: "10 16 00 04 4D 51 54 54 05 00 00 3C 08 11 00 00 00 3C 21 00 02 00 01 70", readAll: false);
        Assert.Equal(["t=1 q2#1 dup", "t=2 q2#2 dup"], again.ReadMessages());
        again.Send("50 02 00 02");
        again.Send("70 02 00 02");
        Assert.Equal(["t=3 q2#3 dup"], again.ReadMessages());
    }

    [Theory]
    [InlineData(Qos.ExactlyOnce, "40 02 00 01")]
    [InlineData(Qos.AtLeastOnce, "50 02 00 01")]
    [InlineData(Qos.AtLeastOnce, "70 02 00 01")]
    [InlineData(Qos.ExactlyOnce, "70 02 00 01")]
    public void An_acknowledgement_of_the_wrong_kind_ends_the_connection(Qos qos, string ack)
    {
        foreach (var version in (MqttVersion[])[MqttVersion.V5, MqttVersion.V311])
        {
            var client = TestClient.Connected(_parts, GatewayParts.Plain(), version);
            client.Subscribe("t", qos, version);
            Connect("publisher").Publish("t", "x", qos);
            client.Read();
            client.Send(ack);
            Assert.Equal(ReasonCode.ProtocolError, client.Ended?.Code);
        }
    }

    [Theory]
    [InlineData(MqttVersion.V5, "40 02 00 09", "")]
    [InlineData(MqttVersion.V5, "50 02 00 09", "62 03 00 09 92")]
    [InlineData(MqttVersion.V5, "62 02 00 09", "70 03 00 09 92")]
    [InlineData(MqttVersion.V5, "70 02 00 09", "")]
    [InlineData(MqttVersion.V311, "50 02 00 09", "62 02 00 09")]
    [InlineData(MqttVersion.V311, "62 02 00 09", "70 02 00 09")]
    public void An_acknowledgement_that_finds_nothing_says_so_where_it_can(MqttVersion version, string ack, string answer)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), version);
        client.Send(ack);
        Assert.Equal(answer, client.ReadHex());
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void Retained_messages_and_wills_may_have_QoS_2()
    {
        Connect("publisher").Publish("r", "kept", Qos.ExactlyOnce, retain: true);
        var client = Connect("c");
        client.Subscribe("r", Qos.ExactlyOnce);
        Assert.Equal(["r=kept q2#1 retained"], client.ReadMessages());
        var watcher = Subscriber("w");
        TestClient.Connected(_parts, GatewayParts.Plain("x"),
            connect: "10 18 00 04 4D 51 54 54 05 16 00 3C 00 00 01 78 00 00 01 77 00 04 67 6F 6E 65").Lose();
        Assert.Equal(["w=gone q2#1"], watcher.ReadMessages());
    }

    /// <summary>A list that is gone through from its start, against the list that is threaded through a table.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void What_is_in_flight_agrees_with_a_plain_list(int seed)
    {
        var random = new Random(seed);
        var flight = new InFlight();
        var identifiers = new PacketIdentifiers(flight);
        List<(ushort Id, bool Twice, bool Released, bool Sent)> plain = [];
        for (int step = 0; step < 5_000; step++)
        {
            ushort id = plain.Count > 0 && random.Next(10) > 0 ? plain[random.Next(plain.Count)].Id : (ushort)random.Next(1, 100);
            int at = plain.FindIndex(sent => sent.Id == id);
            var (_, twice, released, _) = at < 0 ? default : plain[at];
            string said = $"seed {seed}, step {step}";
            switch (random.Next(8))
            {
                case < 3 when plain.Count < 40:
                    twice = random.Next(2) == 0;
                    plain.Add((Add(flight, identifiers, twice ? Qos.ExactlyOnce : Qos.AtLeastOnce), twice, false, true));
                    break;
                case 3:
                    Assert.True(Expected(at, !twice) == flight.PubAck(id), said);
                    if (at >= 0 && !twice) plain.RemoveAt(at);
                    break;
                case 4:
                    bool refused = random.Next(4) == 0;
                    Assert.True(Expected(at, twice) == flight.PubRec(id, refused), said);
                    if (at >= 0 && twice && !released && refused) plain.RemoveAt(at);
                    else if (at >= 0 && twice) plain[at] = plain[at] with { Released = true };
                    break;
                case 5:
                    Assert.True(Expected(at, released) == flight.PubComp(id), said);
                    if (released) plain.RemoveAt(at);
                    break;
                case 6 when random.Next(20) == 0:
                    flight.Rewind();
                    plain = [.. plain.Select(sent => sent with { Sent = false })];
                    break;
                case 7:
                    int next = plain.FindIndex(sent => !sent.Sent);
                    Assert.True(next >= 0 == flight.TryRepeat(out var again), said);
                    if (next < 0) break;
                    Assert.Equal((plain[next].Id, plain[next].Released), (again.PacketId, again.Released));
                    plain[next] = plain[next] with { Sent = true };
                    break;
            }
            Assert.True((plain.Count, plain.Count(sent => sent.Sent)) == (flight.Count, flight.Outstanding), said);
        }
        Assert.Equal(plain.Select(sent => (sent.Id, sent.Released)), flight.Copy().Select(sent => (sent.PacketId, sent.Released)));

        static AckResult Expected(int at, bool right) => at < 0 ? AckResult.Unknown : right ? AckResult.Accepted : AckResult.WrongKind;
    }

    [Fact]
    public void All_packet_identifiers_may_be_in_flight()
    {
        var flight = new InFlight();
        var identifiers = new PacketIdentifiers(flight);
        for (int i = 0; i < 65_535; i++) Add(flight, identifiers, Qos.ExactlyOnce);
        Assert.Equal(AckResult.Accepted, flight.PubRec(1, refused: true));
        Assert.Equal(1, Add(flight, identifiers, Qos.AtLeastOnce));
        for (ushort id = ushort.MaxValue; id > 1; id--) Assert.Equal(AckResult.Accepted, flight.PubRec(id, refused: true));
        Assert.Equal(1, flight.Count);
    }

    private static ushort Add(InFlight flight, PacketIdentifiers identifiers, Qos qos)
    {
        var message = Message(qos);
        ushort id = identifiers.Use(message);
        flight.Add(new SentMessage(id, message));
        return id;
    }

    private static Delivery Message(Qos qos) => new(new Publication("t"u8.ToArray(), default, qos), qos, retain: false);

    private static ChannelEffect.AwaitDurable PublishRetained(TestClient publisher)
    {
        publisher.Publish("t", "kept", Qos.ExactlyOnce, 7, retain: true);
        return publisher.Effects.OfType<ChannelEffect.AwaitDurable>().Last();
    }

    private static AckTicket Ticket(TestClient client) => client.Effects.OfType<ChannelEffect.AwaitDurable>().Last().Ticket!;

    private TestClient Connect(string clientId) => TestClient.Connected(_parts, GatewayParts.Plain(clientId));

    private TestClient Subscriber(string filter = "t")
    {
        var subscriber = Connect($"subscriber of {filter}");
        subscriber.Subscribed(filter, Qos.ExactlyOnce);
        return subscriber;
    }

    private TestClient Reconnect() => TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent, readAll: false);
}
