using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>Topic aliases that the gateway sets: MQTT 5.0, 3.3.2.3.4.</summary>
public sealed class TopicAliasTests
{
    private readonly GatewayParts _parts = new();

    [Fact]
    public void A_topic_is_named_once_and_then_stands_behind_its_alias()
    {
        var client = Connect(2);
        foreach (string topic in (string[])["long/topic", "long/topic", "t", "other", "third", "other"]) Publish(topic);
        Assert.Equal(["long/topic 1", " 1", "t 0", "other 2", "third 0", " 2"], Read(client));
    }

    [Fact]
    public void Without_leave_there_is_none_and_a_client_that_takes_all_gets_a_few()
    {
        var none = Connect(0, "none");
        var all = Connect(65_535, "all");
        for (int i = 0; i < 100; i++) Publish($"topic/{i}");
        Assert.All(Read(none), line => Assert.EndsWith(" 0", line, StringComparison.Ordinal));
        Assert.Equal("topic/15 16", Read(all)[15]);
    }

    [Fact]
    public void Aliases_end_with_the_connection()
    {
        var client = Connect(1);
        Publish("topic");
        Assert.Equal(["topic 1"], Read(client));
        client = Connect(1);
        Publish("topic");
        Assert.Equal(["topic 1"], Read(client));
    }

    [Fact]
    public void An_alias_does_not_make_a_message_too_large()
    {
        // Maximum packet size 32: topic, headers and 23 bytes of payload fill it without an alias.
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), connect: "10 16 00 04 4D 51 54 54 05 02 00 3C 08 27 00 00 00 20 22 00 01 00 01 70");
        client.Subscribed("#");
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("publisher"));
        publisher.Publish("topic", new string('x', 22));
        publisher.Publish("topic", new string('x', 23));
        publisher.Publish("topic", "x");
        publisher.Publish("topic", new string('x', 24));
        Assert.Equal(["topic 0", "topic 1", " 1"], Read(client));
    }

    private TestClient Connect(int maximum, string clientId = "p")
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(clientId), connect: $"10 11 00 04 4D 51 54 54 05 02 00 3C 03 22 {maximum >> 8:X2} {maximum & 0xFF:X2} 00 01 70");
        client.Subscribed("#");
        return client;
    }

    private void Publish(string topic) => TestClient.Connected(_parts, GatewayParts.Plain("publisher")).Publish(topic, "x");

    /// <summary>Topic name and alias of each message.</summary>
    private static List<string> Read(TestClient client)
    {
        var buffer = new System.Buffers.ReadOnlySequence<byte>(client.Read());
        List<string> lines = [];
        while (Framing.TryRead(ref buffer, int.MaxValue, out var packet))
        {
            var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server);
            lines.Add($"{Encoding.UTF8.GetString(publish.Topic)} {publish.Properties.TopicAlias ?? 0}");
        }
        return lines;
    }
}
