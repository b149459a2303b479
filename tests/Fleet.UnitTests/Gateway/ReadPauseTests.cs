using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>A client that is faster than its answers is not read for a while, and not cut off.</summary>
public sealed class ReadPauseTests
{
    private readonly GatewayParts _parts = new(options => options.Channels.MaxPublishesPerSecond = 1_000_000);

    [Fact]
    public void A_client_of_3_1_1_is_read_as_fast_as_it_is_answered_and_others_are_served_meanwhile()
    {
        LeaveSubscription();
        var fast = TestClient.Connected(_parts, GatewayParts.Plain("fast"), MqttVersion.V311);
        var other = TestClient.Connected(_parts, GatewayParts.Plain("other"), MqttVersion.V311);
        _parts.Sessions.Hold();
        var left = fast.SendSequence(new(Publishes(1_000, Qos.AtLeastOnce)));
        Assert.True(fast.IsPaused);
        Assert.Equal(900 * 7, left.Length);
        Assert.Empty(fast.Read());
        other.Publish("nobody", "", Qos.AtLeastOnce, version: MqttVersion.V311);
        Assert.Equal("40 02 00 01", other.ReadHex());

        // It says nothing that is heard, for longer than its keep alive of a minute.
        for (int second = 0; second < 120; second++) Pass(fast);
        Assert.Null(fast.Ended);
        _parts.Sessions.Release();
        Assert.Equal(1_000, ReadAll(fast, left).Count(packet => packet.Type == PacketType.PubAck));
        Assert.Null(fast.Ended);
        Assert.False(fast.IsPaused);

        // From here on its silence counts again.
        for (int second = 0; second < 92; second++) Pass(fast);
        Assert.Equal(ReasonCode.KeepAliveTimeout, fast.Ended?.Code);
    }

    [Theory, InlineData(500), InlineData(900)]
    public void A_client_of_3_1_1_sends_itself_more_of_QoS_2_at_once_than_a_receive_maximum(int messages)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), MqttVersion.V311);
        client.Subscribe("t", Qos.ExactlyOnce, MqttVersion.V311);
        client.Read();
        var left = client.SendSequence(new(Publishes(messages, Qos.ExactlyOnce)));
        int arrived = 0, completed = 0;
        for (int round = 0; round < 100 && (arrived < messages || completed < messages); round++)
        {
            foreach (var (type, id) in ReadAll(client, left))
            {
                if (type == PacketType.PubRec) client.Send($"62 02 {id:X4}");
                else if (type == PacketType.Publish) client.Send($"50 02 {id:X4}");
                else if (type == PacketType.PubRel) client.Send($"70 02 {id:X4}");
                arrived += type == PacketType.Publish ? 1 : 0;
                completed += type == PacketType.PubComp ? 1 : 0;
            }
            left = default;
        }
        Assert.Null(client.Ended);
        Assert.Equal((messages, messages), (arrived, completed));
    }

    [Fact]
    public void All_65_535_identifiers_of_a_client_of_3_1_1_may_be_in_flight()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), MqttVersion.V311);
        client.SendSequence(new(Publishes(65_535, Qos.ExactlyOnce)));
        Assert.Equal(65_535, ReadAll(client, default).Count(packet => packet.Type == PacketType.PubRec));
        Assert.Null(client.Ended);
    }

    [Fact]
    public void A_client_of_5_0_is_told_that_it_exceeds_the_receive_maximum()
    {
        LeaveSubscription();
        var client = TestClient.Connected(_parts, GatewayParts.Plain());
        _parts.Sessions.Hold();
        for (ushort id = 1; id <= 101; id++) client.Publish("t", "", Qos.AtLeastOnce, id);
        Assert.Equal(ReasonCode.ReceiveMaximumExceeded, client.Ended?.Code);
        _parts.Sessions.Release();
    }

    [Theory, InlineData(MqttVersion.V311, 100), InlineData(MqttVersion.V5, 200)]
    public void SUBSCRIBEs_that_wait_for_the_store_are_bounded(MqttVersion version, int taken)
    {
        string connect = version == MqttVersion.V5
            ? "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70" : "10 0D 00 04 4D 51 54 54 04 00 00 3C 00 01 70";
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), version, connect);
        _parts.Sessions.Hold();
        byte[] one = version == MqttVersion.V5 ? [0x82, 7, 0, 9, 0, 0, 1, (byte)'t', 1] : [0x82, 6, 0, 9, 0, 1, (byte)'t', 1];
        var left = client.SendSequence(new([.. Enumerable.Repeat(one, 1_000).SelectMany(bytes => bytes)]));
        Assert.Equal((1_000 - taken) * one.Length, left.Length);
        _parts.Sessions.Release();
        Assert.Equal(1_000, ReadAll(client, left).Count(packet => packet.Type == PacketType.SubAck));
    }

    /// <summary>A session that persists, subscribes to <c>t</c> with QoS 1, and whose client is away.</summary>
    private void LeaveSubscription()
    {
        var absent = TestClient.Connected(
            _parts, GatewayParts.Plain("a"), connect: "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 0E 10 00 01 61");
        absent.Subscribed("t", Qos.AtLeastOnce);
        absent.Lose();
    }

    private void Pass(TestClient client)
    {
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
    }

    /// <summary>What comes while the client is read to the end of what it has sent.</summary>
    private static List<(PacketType Type, int Id)> ReadAll(TestClient client, ReadOnlySequence<byte> left)
    {
        List<(PacketType, int)> all = [];
        byte[] bytes;
        do
        {
            bytes = client.Read();
            var buffer = new ReadOnlySequence<byte>(bytes);
            while (Framing.TryRead(ref buffer, int.MaxValue, out var packet)) all.Add((packet.Type, IdOf(packet)));
            left = client.SendSequence(left);
        }
        while (bytes.Length > 0);
        return all;
    }

    private static int IdOf(in Packet packet)
    {
        byte[] body = packet.Body.ToArray();
        int at = packet.Type == PacketType.Publish ? 2 + body[1] : 0;
        return packet.Type is PacketType.Disconnect or PacketType.Publish && body.Length < at + 2 ? 0 : (body[at] << 8) | body[at + 1];
    }

    /// <summary>PUBLISH packets of 3.1.1 to <c>t</c>, without a payload.</summary>
    private static byte[] Publishes(int count, Qos qos) =>
        [.. Enumerable.Range(1, count).SelectMany(id => new byte[] { (byte)(0x30 | ((int)qos << 1)), 5, 0, 1, (byte)'t', (byte)(id >> 8), (byte)id })];
}
