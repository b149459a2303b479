using System.Text;
using Fleet.Gateway;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Rules;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.UnitTests.Rules;

/// <summary>What a gateway does with the messages of rules: into the queue, and then the acknowledgement.</summary>
public sealed class GatewayRulesTests
{
    private readonly GatewayParts _parts = new();

    [Fact]
    public async Task What_matches_is_in_the_queue_before_the_acknowledgement_and_subscribers_get_it_too()
    {
        Rules(("r", "factory/#"));
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain("s"));
        subscriber.Subscribed("factory/+");
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("p"));
        _parts.RuleQueue.Hold();
        publisher.Publish("factory/1", "x", Qos.AtLeastOnce, packetId: 7);
        var waiting = Waiting(publisher);
        Assert.False(waiting.Durable.IsCompleted);
        Assert.Empty(publisher.Read());
        Assert.Equal(["factory/1=x"], subscriber.ReadMessages());

        _parts.RuleQueue.Release();
        await waiting.Durable.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(["r: factory/1=x"], _parts.RuleQueue.Lines);
        Assert.Equal("p", _parts.RuleQueue.Messages[0].ClientId);
        publisher.Completed(waiting.Ticket!);
        Assert.Equal("40 02 00 07", publisher.ReadHex());
        Assert.Contains("r.Wake", _parts.Grains.Calls);
    }

    [Fact]
    public async Task A_store_that_fails_keeps_the_publisher_from_being_told_that_all_is_well()
    {
        Rules(("r", "#"));
        _parts.RuleQueue.Failure = new IOException("disk full");
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain());
        publisher.Publish("t", "x", Qos.AtLeastOnce);
        await Assert.ThrowsAsync<IOException>(() => Waiting(publisher).Durable);
    }

    [Fact]
    public void Each_rule_that_matches_gets_the_message_once()
    {
        Rules(("all", "#"), ("one", "a/b"), ("other", "c/#"), ("ingest", null));
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain());
        publisher.Publish("a/b", "1");
        Assert.Equal(["all: a/b=1", "one: a/b=1"], _parts.RuleQueue.Lines.Order());
        Assert.True(string.CompareOrdinal(_parts.RuleQueue.Messages[0].Id, _parts.RuleQueue.Messages[1].Id) < 0);
    }

    [Fact]
    public void Basic_ingest_goes_to_its_rule_alone_and_its_prefix_counts_toward_no_limit()
    {
        Rules(("r", "never/#"), ("all", "#"));
        var subscriber = TestClient.Connected(_parts, Operator("s"));
        subscriber.Subscribed("$aws/rules/#");
        subscriber.Subscribed("#");
        var publisher = TestClient.Connected(_parts, Operator("p"));
        publisher.Publish("$aws/rules/r/1/2/3/4/5/6/7/8", "x", Qos.AtLeastOnce, packetId: 1);
        publisher.Publish("$aws/rules/r", "y", Qos.AtLeastOnce, packetId: 2);
        Assert.Equal(["r: 1/2/3/4/5/6/7/8=x", "r: =y"], _parts.RuleQueue.Lines);
        Assert.Empty(subscriber.ReadMessages());
        publisher.Publish("$aws/rules/r/1/2/3/4/5/6/7/8/9", "x");
        Assert.Equal(ReasonCode.TopicNameInvalid, publisher.Ended!.Code);
    }

    [Fact]
    public void Basic_ingest_to_no_rule_is_acknowledged_and_dropped()
    {
        Rules(("r", "#"));
        var publisher = TestClient.Connected(_parts, Operator("p"));
        publisher.Publish("$aws/rules/other/t", "x", Qos.AtLeastOnce, packetId: 3);
        Assert.Equal("40 02 00 03", publisher.ReadHex());
        publisher.Publish("$aws/rules//t", "x", Qos.AtLeastOnce, packetId: 4);
        Assert.StartsWith("40", publisher.ReadHex(), StringComparison.Ordinal);
        Assert.Empty(_parts.RuleQueue.Lines);
    }

    [Theory, InlineData(null, true, true), InlineData(null, false, true), InlineData("t", true, true), InlineData("t", false, false)]
    public void A_rule_with_a_topic_filter_takes_basic_ingest_only_if_it_says_so(string? filter, bool says, bool takes)
    {
        _parts.Rules.Apply(new RuleTable(1, [new(Given.Name("r"), 1, filter, Enabled: true, says)]));
        var publisher = TestClient.Connected(_parts, Operator("p"));
        publisher.Publish("$aws/rules/r/a", "x", Qos.AtLeastOnce, packetId: 1);
        if (!takes) Assert.Equal((byte)ReasonCode.NotAuthorized, publisher.Read()[4]);
        Assert.Equal(takes ? ["r: a=x"] : [], _parts.RuleQueue.Lines);
        // What is published to its topic filter it takes all the same; a change of its mind is in force at once.
        if (filter is not null) publisher.Publish(filter, "y", Qos.AtLeastOnce, packetId: 2);
        _parts.Rules.Apply(new RuleTable(2, [new(Given.Name("r"), 2, filter, Enabled: true, BasicIngest: true)]));
        publisher.Publish("$aws/rules/r/a", "z", Qos.AtLeastOnce, packetId: 3);
        Assert.Equal("r: a=z", _parts.RuleQueue.Lines[^1]);
        Assert.Equal((takes ? 2 : 1) + (filter is null ? 0 : 1), _parts.RuleQueue.Lines.Count);
    }

    [Fact]
    public void The_policy_is_asked_about_the_whole_topic()
    {
        Rules(("r", null));
        var plain = TestClient.Connected(_parts, GatewayParts.Plain());
        plain.Publish("$aws/rules/r/t", "x", Qos.AtLeastOnce);
        Assert.Equal((byte)ReasonCode.NotAuthorized, plain.Read()[4]);
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        device.Publish("$aws/rules/r/fleet/amr-1/telemetry", "x", Qos.AtLeastOnce);
        device.Publish("$aws/rules/r/fleet/amr-2/telemetry", "x", Qos.AtLeastOnce, packetId: 2);
        // It keeps nothing, so what a device may retain is not asked.
        device.Publish("$aws/rules/r/fleet/amr-1/telemetry", "y", Qos.AtLeastOnce, packetId: 3, retain: true);
        Assert.Equal(["r: fleet/amr-1/telemetry=x", "r: fleet/amr-1/telemetry=y"], _parts.RuleQueue.Lines);
    }

    [Fact]
    public void A_full_queue_refuses_what_would_be_sent_again_and_drops_the_rest_and_others_are_served()
    {
        _parts.RuleOptions.MaxQueuedMessages = 2;
        _parts.RuleOptions.MaxQueuedBytesPerPublisher = _parts.RuleOptions.MaxQueuedBytes;
        Rules(("r", "t"));
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain("s"));
        subscriber.Subscribed("t");
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("p"));
        publisher.Publish("t", "1");
        publisher.Publish("t", "2", Qos.AtLeastOnce, packetId: 2);
        publisher.Publish("t", "3", Qos.AtLeastOnce, packetId: 3);
        byte[] answers = publisher.Read();
        Assert.Equal([0x40, 2, 0, 2, 0x40], answers[..5]);
        Assert.Equal([0, 3, (byte)ReasonCode.QuotaExceeded], answers[6..9]);
        Assert.Equal(["t=1", "t=2"], subscriber.ReadMessages());
        publisher.Publish("t", "4");
        Assert.Equal(["t=4"], subscriber.ReadMessages());
        Assert.Equal(["r: t=1", "r: t=2"], _parts.RuleQueue.Lines);

        // The rule works its queue off: a second later the gateway has heard of it.
        _parts.RuleQueue.Fill = new QueueFill(0, 0);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        publisher.Publish("t", "5", Qos.AtLeastOnce, packetId: 5);
        publisher.Publish("t", "5", Qos.AtLeastOnce, packetId: 6);
        Assert.Equal("r: t=5", _parts.RuleQueue.Lines[^1]);
    }

    [Fact]
    public void Bytes_are_bounded_too_and_what_is_under_way_counts()
    {
        _parts.RuleOptions.MaxQueuedBytes = 10;
        Rules(("r", "t"));
        _parts.RuleQueue.Hold();
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("p"));
        publisher.Publish("t", "0123456789", Qos.AtLeastOnce, packetId: 1);
        publisher.Publish("t", "x", Qos.AtLeastOnce, packetId: 2);
        Assert.Equal(1, Waiting(publisher).Ticket!.PacketId);
        _parts.RuleQueue.Release();
    }

    [Fact]
    public void Wills_and_events_of_the_service_reach_rules()
    {
        Rules(("r", "#"), ("presence", "$aws/events/presence/+/+"));
        _ = _parts.Broker.Publish(new(Encoding.UTF8.GetBytes("will/p"), Encoding.UTF8.GetBytes("gone"), Qos.AtLeastOnce));
        _ = _parts.Broker.Publish(
            new(Encoding.UTF8.GetBytes("$aws/events/presence/connected/p"), Encoding.UTF8.GetBytes("{}"), Qos.AtLeastOnce));
        Assert.Equal(["r: will/p=gone", "presence: $aws/events/presence/connected/p={}"], _parts.RuleQueue.Lines);
        Assert.Null(_parts.RuleQueue.Messages[0].ClientId);
    }

    [Fact]
    public void What_another_gateway_sends_on_was_queued_there()
    {
        Rules(("r", "#"));
        _parts.Broker.DeliverForwarded(
            new(Encoding.UTF8.GetBytes("t"), Encoding.UTF8.GetBytes("x"), Qos.AtLeastOnce), toAll: true, [], from: null);
        Assert.Empty(_parts.RuleQueue.Lines);
    }

    [Fact]
    public void Rules_come_change_and_go()
    {
        var publisher = TestClient.Connected(_parts, Operator("p"));
        Rules(("a", "x"), ("b", "x"));
        _parts.Rules.Apply(new RuleTable(2, [Route("a", "y")]));
        foreach (string topic in new[] { "x", "y", "$aws/rules/a/t", "$aws/rules/b/t" }) publisher.Publish(topic, "1");
        Assert.Equal(["a: y=1", "a: t=1"], _parts.RuleQueue.Lines);
        _parts.Rules.Apply(new RuleTable(3, []));
        publisher.Publish("y", "2");
        Assert.Equal(2, _parts.RuleQueue.Lines.Count);
        Assert.False(_parts.Broker.HasSubscribers("y"u8));
    }

    [Fact]
    public void The_content_type_of_the_publisher_is_kept()
    {
        Rules(("r", "t"));
        var publisher = TestClient.Connected(_parts, Operator("p"));
        foreach (string topic in new[] { "t", "$aws/rules/r/t" })
        {
            publisher.Send(output => new PublishPacket
            {
                Topic = Encoding.UTF8.GetBytes(topic),
                Properties = new PropertyBuilder().Add(PropertyId.ContentType, "text/csv"u8).Properties,
            }.WriteTo(output, MqttVersion.V5));
        }
        Assert.Equal(["text/csv", "text/csv"], _parts.RuleQueue.Messages.Select(m => m.ContentType));
    }

    private static ChannelEffect.AwaitDurable Waiting(TestClient client) => client.Effects.OfType<ChannelEffect.AwaitDurable>().Single();

    private static SessionIdentity Operator(string clientId) =>
        GatewayParts.Identity(SessionKind.Operator, clientId, Fleet.Gateway.Policies.BuiltInPolicies.Operator);

    private void Rules(params (string Name, string? Filter)[] rules) =>
        _parts.Rules.Apply(new RuleTable(1, [.. rules.Select(r => Route(r.Name, r.Filter))]));

    private static RuleRoute Route(string name, string? filter) => new(Given.Name(name), 1, filter, Enabled: true, BasicIngest: true);
}
