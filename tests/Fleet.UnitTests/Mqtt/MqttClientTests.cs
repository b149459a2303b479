using System.Globalization;
using System.Text;
using Fleet.Mqtt;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Mqtt;

public sealed class MqttClientTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Theory, InlineData(MqttVersion.V311), InlineData(MqttVersion.V5)]
    public async Task CONNECT_says_what_the_options_say(MqttVersion version)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options with
        {
            ProtocolVersion = version,
            ClientId = "thing-1",
            CleanStart = false,
            SessionExpirySeconds = 3600,
            ReceiveMaximum = 20,
            KeepAlive = TimeSpan.FromSeconds(30),
            UserName = "user",
            Password = "secret"u8.ToArray(),
            Will = new MqttWill(new MqttMessage { Topic = "gone", Payload = "bye"u8.ToArray(), Qos = Qos.AtLeastOnce, Retain = true }, DelaySeconds: 5),
        });
        using var server = await _server.Accept();
        Check((await server.Read())!);
        await server.Send(output => new ConnAckPacket { SessionPresent = true, Properties = new PropertyBuilder()
            .Add(PropertyId.AssignedClientIdentifier, "given").Add(PropertyId.ServerKeepAlive, 10).Add(PropertyId.MaximumQos, 1).Properties }.WriteTo(output, version));
        var client = await connecting;
        Assert.True(client.Connection.SessionPresent && client.IsConnected);
        var expected = version == MqttVersion.V5 ? ("given", TimeSpan.FromSeconds(10), Qos.AtLeastOnce) : ("thing-1", (TimeSpan?)null, Qos.ExactlyOnce);
        Assert.Equal(expected, (client.ClientId, client.Connection.ServerKeepAlive, client.Connection.MaximumQos));
        client.Abort();

        void Check(byte[] bytes)
        {
            var connect = ConnectPacket.Parse(Wire.Cut(bytes));
            Assert.Equal((version, false, 30), (connect.Version, connect.CleanStart, connect.KeepAlive));
            Assert.Equal("thing-1 gone bye user secret", string.Join(' ', Text(connect.ClientId), Text(connect.WillTopic), Text(connect.WillPayload),
                Text(connect.UserName), Text(connect.Password)));
            Assert.Equal((Qos.AtLeastOnce, true), (connect.WillQos, connect.WillRetain));
            if (version == MqttVersion.V311) return;
            Assert.Equal((3600u, 20, 5u), (connect.Properties.SessionExpiryInterval!.Value, connect.Properties.ReceiveMaximum, connect.WillProperties.WillDelayInterval));
        }
    }

    [Theory]
    [InlineData(MqttVersion.V5, "20 03 00 87 00", ReasonCode.NotAuthorized)]
    [InlineData(MqttVersion.V5, "20 08 00 97 05 1F 0002 6E6F", ReasonCode.QuotaExceeded)]
    [InlineData(MqttVersion.V311, "20 02 00 05", ReasonCode.NotAuthorized)]
    [InlineData(MqttVersion.V311, "20 02 00 02", ReasonCode.ClientIdentifierNotValid)]
    public async Task A_refusal_is_an_exception_with_its_code(MqttVersion version, string connack, ReasonCode reason)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options with { ProtocolVersion = version });
        using var server = await _server.Accept();
        await server.Read();
        await server.SendHex(connack);
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => connecting);
        Assert.Equal(reason, refused.ReasonCode);
        Assert.Null(await server.Read());
    }

    [Theory, InlineData("30 04 0001 61 00"), InlineData("20 80808080"), InlineData("")]
    public async Task An_answer_that_is_no_CONNACK_is_a_lost_connection(string answer)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options);
        using (var server = await _server.Accept())
        {
            await server.Read();
            await server.SendHex(answer);
        }
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => connecting);
    }

    [Fact]
    public async Task Nobody_listening_is_a_lost_connection()
    {
        int port = _server.Port;
        _server.Dispose();
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => MqttClient.ConnectAsync(new() { Host = "127.0.0.1", Port = port }));
    }

    [Fact]
    public async Task A_server_that_never_answers_is_given_up()
    {
        var time = new ManualTime();
        var connecting = MqttClient.ConnectAsync(_server.Options with { TimeProvider = time, ConnectTimeout = TimeSpan.FromSeconds(7) });
        using var server = await _server.Accept();
        await server.Read();
        time.Advance(TimeSpan.FromSeconds(7));
        var lost = await Assert.ThrowsAsync<MqttConnectionLostException>(() => connecting);
        Assert.IsType<TimeoutException>(lost.InnerException);
    }

    [Fact]
    public async Task Connecting_can_be_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        var connecting = MqttClient.ConnectAsync(_server.Options, cancellation.Token);
        using var server = await _server.Accept();
        await server.Read();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact]
    public async Task A_publish_at_QoS_1_returns_the_code_of_its_PUBACK()
    {
        var (client, server) = await _server.Connect();
        var first = client.PublishAsync("a", "1"u8.ToArray(), Qos.AtLeastOnce);
        var second = client.PublishAsync("b", "2"u8.ToArray(), Qos.AtLeastOnce, retain: true);
        var (topic, payload, firstId) = await server.ReadPublish();
        Assert.Equal(("a", "1"), (topic, payload));
        ushort secondId = (await server.ReadPublish()).PacketId;
        await server.SendPubAck(secondId, ReasonCode.NotAuthorized);
        Assert.Equal(ReasonCode.NotAuthorized, await second);
        Assert.False(first.IsCompleted);
        await server.SendPubAck(firstId, ReasonCode.NoMatchingSubscribers);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await first);
        client.Abort();
    }

    [Fact]
    public async Task A_publish_at_QoS_2_is_released_when_it_was_received()
    {
        var (client, server) = await _server.Connect(connack: new PropertyBuilder().Add(PropertyId.ReceiveMaximum, 1));
        var first = client.PublishAsync("a", "1"u8.ToArray(), Qos.ExactlyOnce);
        var second = client.PublishAsync("b", "2"u8.ToArray(), Qos.ExactlyOnce);
        Assert.Equal("34 07 00 01 61 00 01 00 31", Hex(await server.Read()));
        await server.SendHex("50 02 0001");
        Assert.Equal("62 02 00 01", Hex(await server.Read()));
        Assert.False(first.IsCompleted);
        await server.SendHex("70 02 0001");
        Assert.Equal(ReasonCode.Success, await first);
        // Now there is room for the second; a refusal in PUBREC ends it, and nothing is released.
        Assert.Equal("34 07 00 01 62 00 02 00 32", Hex(await server.Read()));
        await server.SendHex("50 03 0002 87");
        Assert.Equal(ReasonCode.NotAuthorized, await second);
        client.Abort();
    }

    [Fact]
    public async Task A_message_of_QoS_2_is_handled_once_however_often_it_comes()
    {
        List<string> handled = [];
        var options = _server.Options with
        {
            CleanStart = false, SessionExpirySeconds = 60, Session = new MqttClientSession(),
            OnMessage = message => { handled.Add(Encoding.UTF8.GetString(message.Payload.Span)); return default; },
        };
        var (client, server) = await _server.Connect(options);
        await server.SendHex("34 07 0001 61 0005 00 31");
        Assert.Equal("50 02 00 05", Hex(await server.Read()));
        client.Abort();

        var connecting = MqttClient.ConnectAsync(options);
        using var again = await _server.Accept();
        Assert.Equal(PacketType.Connect, await again.ReadType());
        await again.SendHex("20 03 01 00 00");
        client = await connecting;
        await again.SendHex("3C 07 0001 61 0005 00 31");
        Assert.Equal("50 02 00 05", Hex(await again.Read()));
        await again.SendHex("62 02 0005");
        Assert.Equal("70 02 00 05", Hex(await again.Read()));
        await again.SendHex("62 02 0005");
        Assert.Equal("70 03 00 05 92", Hex(await again.Read()));
        await again.SendHex("34 07 0001 61 0005 00 32");
        Assert.Equal("50 02 00 05", Hex(await again.Read()));
        Assert.Equal(["1", "2"], handled);
        client.Abort();
    }

    [Fact]
    public async Task All_of_a_message_reaches_the_wire_and_comes_back()
    {
        var arrived = new TaskCompletionSource<IncomingMessage>();
        var (client, server) = await _server.Connect(_server.Options with { OnMessage = message => { arrived.SetResult(message); return default; } });
        var sent = new MqttMessage
        {
            Topic = "request",
            Payload = "温"u8.ToArray(),
            Retain = true,
            PayloadIsUtf8 = true,
            MessageExpirySeconds = 60,
            ContentType = "text/plain",
            ResponseTopic = "answer",
            CorrelationData = new byte[] { 0, 255 },
            UserProperties = [new("a", "1"), new("a", "2")],
        };
        await client.PublishAsync(sent);
        await server.Stream.WriteAsync(await server.Read());   // what a plain echo would do
        var message = await arrived.Task;
        Assert.Equal((sent.Topic, Qos.AtMostOnce, true, true, 60u), (message.Topic, message.Qos, message.Retain, message.PayloadIsUtf8, message.MessageExpirySeconds!.Value));
        Assert.Equal((sent.ContentType, sent.ResponseTopic), (message.ContentType, message.ResponseTopic));
        Assert.Equal(sent.Payload.ToArray(), message.Payload.ToArray());
        Assert.Equal(sent.CorrelationData.Value.ToArray(), message.CorrelationData!.Value.ToArray());
        Assert.Equal(sent.UserProperties, message.UserProperties);
        client.Abort();
    }

    [Theory, InlineData(MqttVersion.V311), InlineData(MqttVersion.V5)]
    public async Task Subscriptions_are_answered_one_by_one(MqttVersion version)
    {
        var (client, server) = await _server.Connect(_server.Options with { ProtocolVersion = version });
        var subscribing = client.SubscribeAsync([new("a/#", Qos.AtLeastOnce), new("$aws/x")]);
        string asked = Wire.Describe(Wire.Cut((await server.Read())!), version, Sender.Client);
        Assert.Contains("id=1 ", asked, StringComparison.Ordinal);
        await server.SendHex(version == MqttVersion.V5 ? "90 05 0001 00 01 87" : "90 04 0001 01 80");
        Assert.Equal([ReasonCode.GrantedQos1, version == MqttVersion.V5 ? ReasonCode.NotAuthorized : ReasonCode.UnspecifiedError], await subscribing);

        var unsubscribing = client.UnsubscribeAsync("a/#");
        Assert.Equal(PacketType.Unsubscribe, await server.ReadType());
        await server.SendHex(version == MqttVersion.V5 ? "B0 04 0002 00 11" : "B0 02 0002");
        Assert.Equal(version == MqttVersion.V5 ? ReasonCode.NoSubscriptionExisted : ReasonCode.Success, await unsubscribing);
        client.Abort();
    }

    [Fact]
    public async Task Messages_arrive_in_order_and_a_handler_may_await_its_own_publish()
    {
        MqttClient? client = null;
        var ready = new TaskCompletionSource();
        var seen = new List<string>();
        var all = new TaskCompletionSource();
        ServerSide? server = null;
        (client, server) = await _server.Connect(_server.Options with
        {
            OnMessage = async message =>
            {
                await ready.Task;
                string payload = Encoding.UTF8.GetString(message.Payload.Span);
                if (payload == "1") await client!.PublishAsync("answer", "to 1"u8.ToArray(), Qos.AtLeastOnce);
                seen.Add(payload);
                if (seen.Count == 3) all.SetResult();
            },
        });
        await server.SendPublish("t", "1", packetId: 11);
        await server.SendPublish("t", "2", packetId: 12);
        await server.SendPublish("t", "3");
        ready.SetResult();
        // The first message is acknowledged only after its handler, which waits for this.
        var (topic, _, id) = await server.ReadPublish();
        Assert.Equal("answer", topic);
        await server.SendPubAck(id);
        Assert.Equal("4002000B", Convert.ToHexString((await server.Read())!));
        Assert.Equal("4002000C", Convert.ToHexString((await server.Read())!));
        await all.Task;
        Assert.Equal(["1", "2", "3"], seen);
        client.Abort();
    }

    [Fact]
    public async Task A_slow_handler_loses_nothing()
    {
        const int Messages = 5_000;
        var release = new TaskCompletionSource();
        var seen = new List<string>();
        var all = new TaskCompletionSource();
        var (client, server) = await _server.Connect(_server.Options with
        {
            OnMessage = async message =>
            {
                await release.Task;
                seen.Add(Encoding.UTF8.GetString(message.Payload.Span));
                if (seen.Count == Messages) all.SetResult();
            },
        });
        var sending = Task.Run(async () =>
        {
            for (int i = 0; i < Messages; i++) await server.SendPublish("t", i.ToString(CultureInfo.InvariantCulture));
        });
        await server.SendHex("D000");
        release.SetResult();
        await sending;
        await all.Task;
        Assert.Equal(Enumerable.Range(0, Messages).Select(i => i.ToString(CultureInfo.InvariantCulture)), seen);
        client.Abort();
    }

    [Fact]
    public async Task Many_publishers_at_once_are_all_heard()
    {
        const int Publishers = 8, Each = 2_000;
        var (client, server) = await _server.Connect();
        var publishing = Enumerable.Range(0, Publishers).Select(publisher => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++) await client.PublishAsync($"p/{publisher}", Encoding.UTF8.GetBytes($"{i}"));
        })).ToArray();
        var next = new int[Publishers];
        for (int i = 0; i < Publishers * Each; i++)
        {
            var (topic, payload, _) = await server.ReadPublish();
            int publisher = topic[^1] - '0';
            Assert.Equal($"{next[publisher]++}", payload);
        }
        await Task.WhenAll(publishing);
        client.Abort();
    }

    [Fact]
    public async Task The_servers_receive_maximum_is_kept()
    {
        var (client, server) = await _server.Connect(connack: new PropertyBuilder().Add(PropertyId.ReceiveMaximum, 1));
        var first = client.PublishAsync("1", default, Qos.AtLeastOnce);
        var second = client.PublishAsync("2", default, Qos.AtLeastOnce);
        using var cancellation = new CancellationTokenSource();
        var third = client.PublishAsync("3", default, Qos.AtLeastOnce, cancellation: cancellation.Token);
        var fourth = client.PublishAsync("4", default, Qos.AtLeastOnce);
        await client.PublishAsync("now", default);
        ushort id = (await server.ReadPublish()).PacketId;
        Assert.Equal("now", (await server.ReadPublish()).Topic);   // so "2" waits
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => third);
        await server.SendPubAck(id);
        await first;
        (string topic, _, id) = await server.ReadPublish();
        Assert.Equal("2", topic);
        await server.SendPubAck(id);
        await second;
        (topic, _, id) = await server.ReadPublish();
        Assert.Equal("4", topic);
        await server.SendPubAck(id);
        await fourth;
        client.Abort();
    }

    [Fact]
    public async Task What_the_server_would_not_take_is_not_sent()
    {
        var (client, server) = await _server.Connect(connack: new PropertyBuilder().Add(PropertyId.MaximumPacketSize, 100).Add(PropertyId.ReceiveMaximum, 1));
        await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync("t", new byte[100], Qos.AtLeastOnce));
        var small = client.PublishAsync("t", new byte[50], Qos.AtLeastOnce);   // the slot is free again
        await server.SendPubAck((await server.ReadPublish()).PacketId);
        Assert.Equal(ReasonCode.Success, await small);
        await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync("a/#", default));
        client.Abort();
    }

    [Fact]
    public async Task A_lost_connection_fails_everything_that_waits()
    {
        var (client, server) = await _server.Connect(connack: new PropertyBuilder().Add(PropertyId.ReceiveMaximum, 1));
        Task[] waiting =
        [
            client.PublishAsync("1", default, Qos.AtLeastOnce), client.PublishAsync("2", default, Qos.AtLeastOnce),
            client.SubscribeAsync("a"), client.UnsubscribeAsync("a"),
        ];
        server.Dispose();
        foreach (var task in waiting) await Assert.ThrowsAsync<MqttConnectionLostException>(() => task);
        Assert.Equal(CloseCause.ConnectionLost, (await client.Closed).Cause);
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => client.PublishAsync("3", default));
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => client.PublishAsync("3", default, Qos.AtLeastOnce));
        await client.DisposeAsync();
        Assert.Equal(CloseCause.ConnectionLost, (await client.Closed).Cause);
    }

    [Fact]
    public async Task A_cancelled_publish_leaves_the_connection_as_it_was()
    {
        var (client, server) = await _server.Connect();
        using var cancellation = new CancellationTokenSource();
        var publishing = client.PublishAsync("1", default, Qos.AtLeastOnce, cancellation: cancellation.Token);
        ushort id = (await server.ReadPublish()).PacketId;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publishing);
        await server.SendPubAck(id);
        var again = client.PublishAsync("2", default, Qos.AtLeastOnce);
        await server.SendPubAck((await server.ReadPublish()).PacketId);
        Assert.Equal(ReasonCode.Success, await again);
        client.Abort();
    }

    [Fact]
    public async Task Silence_is_broken_by_a_ping_and_an_unanswered_ping_ends_the_connection()
    {
        var time = new ManualTime();
        var (client, server) = await _server.Connect(_server.Options with { TimeProvider = time, KeepAlive = TimeSpan.FromSeconds(10) });
        time.Advance(TimeSpan.FromSeconds(9));
        await client.PublishAsync("t", default);
        time.Advance(TimeSpan.FromSeconds(9));
        await client.PublishAsync("t", default);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([PacketType.Publish, PacketType.Publish, PacketType.PingReq],
            [await server.ReadType(), await server.ReadType(), await server.ReadType()]);
        await server.SendHex("D000");
        await server.SendPublish("t", "", packetId: 1);
        Assert.Equal(PacketType.PubAck, await server.ReadType());   // so the answer has been read
        Assert.True(client.IsConnected);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(PacketType.PingReq, await server.ReadType());
        time.Advance(TimeSpan.FromSeconds(10));
        var closed = await client.Closed;
        Assert.Equal(CloseCause.ConnectionLost, closed.Cause);
        Assert.IsType<TimeoutException>(closed.Error);
        Assert.Equal(0, time.ArmedTimers);
    }

    [Fact]
    public async Task The_servers_keep_alive_overrides_ours()
    {
        var time = new ManualTime();
        var (client, server) = await _server.Connect(_server.Options with { TimeProvider = time }, new PropertyBuilder().Add(PropertyId.ServerKeepAlive, 5));
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(PacketType.PingReq, await server.ReadType());
        client.Abort();
    }

    [Fact]
    public async Task Disconnecting_sends_what_waits_then_DISCONNECT()
    {
        var (client, server) = await _server.Connect();
        await client.PublishAsync("last", default);
        var disconnecting = client.DisconnectAsync(ReasonCode.DisconnectWithWill);
        Assert.Equal("last", (await server.ReadPublish()).Topic);
        Assert.Equal("E00104", Convert.ToHexString((await server.Read())!));
        Assert.Null(await server.Read());
        server.Dispose();
        await disconnecting;
        Assert.Equal(new ClientClosed(CloseCause.DisconnectedByClient, ReasonCode.DisconnectWithWill), await client.Closed);
        await client.DisconnectAsync();
    }

    [Fact]
    public async Task A_server_that_does_not_close_is_left()
    {
        var time = new ManualTime();
        var (client, server) = await _server.Connect(_server.Options with { TimeProvider = time, KeepAlive = TimeSpan.Zero });
        var disconnecting = client.DisconnectAsync();
        Assert.Equal(PacketType.Disconnect, await server.ReadType());
        Assert.Null(await server.Read());
        time.Advance(TimeSpan.FromSeconds(2));
        await disconnecting;
        Assert.Equal(CloseCause.DisconnectedByClient, (await client.Closed).Cause);
    }

    [Fact]
    public async Task Aborting_says_nothing()
    {
        var (client, server) = await _server.Connect();
        client.Abort();
        Assert.Null(await server.Read());
        Assert.Equal(CloseCause.Aborted, (await client.Closed).Cause);
    }

    [Fact]
    public async Task The_servers_DISCONNECT_is_the_reason()
    {
        var (client, server) = await _server.Connect();
        var publishing = client.PublishAsync("t", default, Qos.AtLeastOnce);
        await server.SendHex("E0 01 8E");
        Assert.Equal(new ClientClosed(CloseCause.DisconnectedByServer, ReasonCode.SessionTakenOver), await client.Closed);
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => publishing);
    }

    [Theory]
    [InlineData("C000"), InlineData("40 02 0009"), InlineData("30 FFFFFF7F"), InlineData("34 05 0001 74 0001 00"), InlineData("30 07 0000 03 23 0001 78")]
    [InlineData("50 02 0001"), InlineData("F0 07 18 05 15 0002 616263")]
    public async Task A_server_that_breaks_the_protocol_is_left(string hex)
    {
        var (client, server) = await _server.Connect();
        await server.SendHex(hex);
        var closed = await client.Closed;
        Assert.Equal(CloseCause.ConnectionLost, closed.Cause);
        Assert.IsType<MqttProtocolException>(closed.Error);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_handler_that_throws_ends_the_connection(bool later)
    {
        var error = new InvalidOperationException("broken handler");
        var (client, server) = await _server.Connect(_server.Options with
        {
            OnMessage = async _ =>
            {
                if (later) await Task.Yield();
                throw error;
            },
        });
        await server.SendPublish("t", "1", packetId: 1);
        Assert.Same(error, (await client.Closed).Error);
        Assert.Null(await server.Read());   // no PUBACK for what was not handled
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    private static string Hex(byte[]? packet) => string.Join(' ', packet!.Select(b => $"{b:X2}"));
}
