using Fleet.Mqtt;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Mqtt;

/// <summary>How a client's connection ends, and what becomes of what was waiting.</summary>
public sealed class ClientEndTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

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
        var time = new WatchedTime();
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
        Assert.Equal(0, time.Timers);
    }

    [Fact]
    public async Task The_servers_keep_alive_overrides_ours()
    {
        var time = new FakeTimeProvider();
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
        var time = new FakeTimeProvider();
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
}
