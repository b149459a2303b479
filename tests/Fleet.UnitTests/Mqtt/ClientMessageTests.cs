using System.Globalization;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>What the client publishes, subscribes to and hears.</summary>
public sealed class ClientMessageTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

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

    private static string Hex(byte[]? packet) => string.Join(' ', packet!.Select(b => $"{b:X2}"));
}
