using System.Buffers;
using Fleet.Gateway;
using Fleet.Gateway.Channels;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>What a client may take of the gateway, and how it hears that it is too much.</summary>
public sealed class LimitTests
{
    private static readonly byte[] Publish = Convert.FromHexString("300400017400");

    [Theory]
    // Maximum packet size 10: user name flag without a user name, a property that is unknown, a length that is too long; and one of 4,
    // before which all is well.
    [InlineData("10 13 00 04 4D 51 54 54 05 82 00 3C 05 27 00 00 00 0A 00 01 70", "20 03 00 81 00")]
    [InlineData("10 15 00 04 4D 51 54 54 05 02 00 3C 07 27 00 00 00 0A 7F 00 00 01 70", "20 03 00 81 00")]
    [InlineData("10 13 00 04 4D 51 54 54 05 02 00 3C 50 27 00 00 00 0A 00 01 70", "20 03 00 81 00")]
    [InlineData("10 13 00 04 4D 51 54 54 05 82 00 3C 05 27 00 00 00 04 00 01 70", "")]
    public void A_refusal_is_no_larger_than_the_client_takes_although_its_CONNECT_is_malformed(string connect, string answer)
    {
        var client = new TestClient(new GatewayParts());
        client.Send(connect);
        Assert.True(client.IsClosed);
        Assert.Equal(answer, client.ReadHex());
    }

    [Fact]
    public void A_client_that_publishes_too_fast_is_read_when_it_is_within_its_rate_again()
    {
        var parts = new GatewayParts(options => (options.Channels.MaxPublishesPerSecond, options.Channels.PublishBurstSeconds) = (10, 1));
        var watcher = TestClient.Connected(parts, GatewayParts.Plain("w"));
        watcher.Subscribed("t");
        var client = TestClient.Connected(parts, GatewayParts.Plain());
        var left = client.SendSequence(new ReadOnlySequence<byte>([.. Enumerable.Repeat(Publish, 30).SelectMany(bytes => bytes)]));
        // The burst of a second, and one more: that is what the pause is for.
        Assert.Equal(11, watcher.ReadMessages().Count);
        Assert.Equal(100, Assert.Single(client.Effects.OfType<ChannelEffect.Pause>()).Milliseconds);
        Assert.True(client.IsPaused);
        parts.Time.Advance(TimeSpan.FromMilliseconds(100));
        left = client.Resume(left);
        Assert.Single(watcher.ReadMessages());
        parts.Time.Advance(TimeSpan.FromSeconds(10));
        left = client.Resume(left);
        Assert.Equal(11, watcher.ReadMessages().Count);
        Assert.Equal(7 * Publish.Length, left.Length);
    }

    [Fact]
    public void Large_messages_count_by_their_bytes()
    {
        var parts = new GatewayParts(
            options => (options.Channels.MaxPublishBytesPerSecond, options.Channels.PublishBurstSeconds) = (100_000, 0));
        var client = TestClient.Connected(parts, GatewayParts.Plain());
        client.Publish("t", new string('x', 50_000 - 4));
        Assert.Equal(500, Assert.Single(client.Effects.OfType<ChannelEffect.Pause>()).Milliseconds);
    }

    [Fact]
    public void A_pause_is_no_silence()
    {
        var parts = new GatewayParts(options => (options.Channels.MaxPublishesPerSecond, options.Channels.PublishBurstSeconds) = (1, 0));
        // Keep alive 1 s.
        var client = TestClient.Connected(parts, GatewayParts.Plain(), connect: "10 0E 00 04 4D 51 54 54 05 02 00 01 00 00 01 70");
        client.SendBytes(Publish);
        parts.Time.Advance(TimeSpan.FromSeconds(5));
        client.Tick();
        Assert.False(client.IsClosed);
        client.Resume(default);
        parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
        Assert.False(client.IsClosed);
        parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
        Assert.Equal(ReasonCode.KeepAliveTimeout, client.Ended?.Code);
    }

    [Theory]
    [InlineData("10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70", "20 03 00 88 00")]
    [InlineData("10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70", "20 02 00 03")]
    public void A_CONNECT_that_nobody_decides_is_refused_in_time(string connect, string answer)
    {
        var parts = new GatewayParts(options => options.Channels.RevealReasons = false);
        var client = new TestClient(parts);
        client.Send(connect);
        parts.Time.Advance(TimeSpan.FromSeconds(30));
        client.Tick();
        Assert.Equal("", client.ReadHex());
        parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
        Assert.Equal(answer, client.ReadHex());
        Assert.True(client.IsClosed);
        // Too late.
        client.Accept(GatewayParts.Plain());
        Assert.Null(parts.Directory.Find("plain/p"));
    }

    [Fact]
    public void There_are_only_so_many_sessions()
    {
        var parts = new GatewayParts(options => options.Sessions.MaxSessions = 2);
        var one = TestClient.Connected(parts, GatewayParts.Plain("1"));
        // Clean start 0, session expiry 60 s: it stays when its client has gone.
        TestClient.Connected(
            parts, GatewayParts.Plain("2"), connect: "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 32").Lose();
        var five = new TestClient(parts);
        five.Send("10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70");
        five.Accept(GatewayParts.Plain("3"));
        Assert.Equal(0x97, five.Read()[3]);
        Assert.True(five.IsClosed);
        var old = new TestClient(parts);
        old.Send("10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70");
        old.Accept(GatewayParts.Plain("3"));
        Assert.Equal("20 02 00 03", old.ReadHex());
        TestClient.Connected(parts, GatewayParts.Plain("2"));
        one.Send("E0 00");
        TestClient.Connected(parts, GatewayParts.Plain("3"));
    }

    [Fact]
    public void Reasons_are_kept_back_from_who_does_not_want_them_and_by_who_does_not_give_them()
    {
        // Request Problem Information 0: the code, and no string.
        var parts = new GatewayParts();
        var silent = TestClient.Connected(
            parts, GatewayParts.Device("amr-1"), connect: "10 10 00 04 4D 51 54 54 05 02 00 3C 02 17 00 00 01 70");
        silent.Publish("fleet/amr-2/x", "", Qos.AtLeastOnce);
        silent.Subscribe("fleet/amr-2/x");
        Assert.Equal("40 03 00 01 87 90 04 00 09 00 87", silent.ReadHex());
        silent.Publish("fleet/amr-2/x");
        Assert.Contains("denied", System.Text.Encoding.UTF8.GetString(silent.Read()), StringComparison.Ordinal);

        parts = new GatewayParts(options => options.Channels.RevealReasons = false);
        var kept = TestClient.Connected(parts, GatewayParts.Device("amr-1"));
        kept.Publish("fleet/amr-2/x", "", Qos.AtLeastOnce);
        kept.Publish("fleet/amr-2/x", "", Qos.ExactlyOnce);
        kept.Subscribe("fleet/amr-2/x");
        kept.Publish("fleet/amr-2/x");
        Assert.Equal("40 03 00 01 80 50 03 00 01 80 90 04 00 09 00 80", kept.ReadHex());
        var old = TestClient.Connected(parts, GatewayParts.Device("amr-1"), MqttVersion.V311);
        foreach (var qos in Enum.GetValues<Qos>()) old.Publish("fleet/amr-2/x", "", qos, version: MqttVersion.V311);
        old.Subscribe("fleet/amr-2/x", version: MqttVersion.V311);
        Assert.Equal("40 02 00 01 50 02 00 01 90 03 00 09 80", old.ReadHex());
    }

    [Fact]
    public void A_retained_message_that_has_expired_makes_room_in_time()
    {
        var parts = new GatewayParts(options => options.Retained.MaxRetainedMessages = 20);
        var client = TestClient.Connected(parts, GatewayParts.Plain());
        // Topics "a" to "t", the first without, the others with a message expiry of 1 s.
        client.Publish("a", "x", retain: true);
        for (int topic = 0x62; topic < 0x75; topic++) client.Send($"31 0A 00 01 {topic:X2} 05 02 00 00 00 01 78");
        client.Publish("z", "x", Qos.AtLeastOnce, retain: true);
        Assert.Equal(0x97, client.Read()[4]);
        parts.Time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 20; i++) client.Publish("z", "x", Qos.AtLeastOnce, retain: true);
        Assert.Equal(2, parts.Retained.Count);
    }

    [Theory, InlineData(Qos.AtMostOnce), InlineData(Qos.AtLeastOnce), InlineData(Qos.ExactlyOnce)]
    public void A_message_that_nobody_wants_allocates_nothing(Qos qos)
    {
        var parts = new GatewayParts(options => options.Channels.MaxPublishesPerSecond = 1_000_000);
        var client = TestClient.Connected(parts, GatewayParts.Plain());
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        new PublishPacket { Topic = "a/topic"u8, Qos = qos, PacketId = qos == Qos.AtMostOnce ? (ushort)0 : (ushort)1 }.WriteTo(
            buffer, MqttVersion.V5);
        if (qos == Qos.ExactlyOnce) new AckPacket { Type = PacketType.PubRel, PacketId = 1 }.WriteTo(buffer, MqttVersion.V5);
        var bytes = new ReadOnlySequence<byte>(buffer.WrittenMemory);
        // What the test keeps of the answers has grown by the time that counts.
        for (int i = 0; i < 20_000; i++) client.SendSequence(bytes);
        client.Read();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10_000; i++) client.SendSequence(bytes);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 200_000, $"{allocated} bytes for 10,000 messages");
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void Nothing_is_larger_than_the_client_takes()
    {
        // Maximum packet size 10.
        var client = new TestClient(new GatewayParts(options => options.Sessions.MaxSubscriptionsPerSession = 1));
        client.Send("10 13 00 04 4D 51 54 54 05 02 00 3C 05 27 00 00 00 0A 00 01 70");
        client.Accept(GatewayParts.Plain());
        Assert.Equal("", client.ReadHex());
        Assert.True(client.IsClosed);
    }

    [Fact]
    public void Who_subscribes_is_told_to_who_watches()
    {
        var parts = new GatewayParts();
        var watcher = TestClient.Connected(
            parts, GatewayParts.Identity(SessionKind.Operator, "w", Fleet.Gateway.Policies.BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/subscriptions/#");
        var client = TestClient.Connected(parts, GatewayParts.Plain("c"));
        client.Send(output => SubscribePacket.Write(output, MqttVersion.V5, 1, default,
            [new Subscription("a/+"), new Subscription("$SYS/#"), new Subscription("b")]));
        client.Send(output => UnsubscribePacket.Write(output, MqttVersion.V5, 1, default, ["never", "b"]));
        var events = watcher.ReadMessages();
        Assert.StartsWith("$aws/events/subscriptions/subscribed/plain/c={", events[0], StringComparison.Ordinal);
        Assert.Contains(
            "\"topics\":[\"a/+\",\"b\"]", events[0].Replace("\\u002B", "+", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.StartsWith("$aws/events/subscriptions/unsubscribed/plain/c={", events[1], StringComparison.Ordinal);
        Assert.Contains("\"topics\":[\"b\"]", events[1], StringComparison.Ordinal);
    }
}
