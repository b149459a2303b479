using Fleet.Gateway;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Rules;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.UnitTests.Rules;

/// <summary>One publisher cannot fill a rule's queue: the others still get in.</summary>
public sealed class RuleShareTests
{
    private readonly GatewayParts _parts = new();

    public RuleShareTests()
    {
        // 10 bytes a message at least, so 16 messages of up to that, or 160 bytes.
        (_parts.RuleOptions.MaxQueuedBytes, _parts.RuleOptions.MaxQueuedMessages) = (1_000, 100);
        _parts.RuleOptions.MaxQueuedBytesPerPublisher = 160;
        Start();
    }

    [Theory, InlineData("x", 16), InlineData("01234567890123456789", 8)]
    public void A_publisher_that_has_its_share_is_refused_and_another_is_not(string payload, int messages)
    {
        var greedy = Connect("greedy");
        int taken = 0;
        while (taken < 100 && Publish(greedy, payload, 1) == 0) taken++;
        // The first quarter is not counted.
        Assert.InRange(taken, messages, messages * 5 / 4);
        Assert.Equal(0x97, Publish(greedy, payload, 1));
        var modest = Connect("modest");
        for (ushort id = 1; id <= messages; id++) Assert.Equal(0, Publish(modest, payload, id));
        Assert.Equal(taken + messages, _parts.RuleQueue.Lines.Count);
        // What nobody would send again is dropped; a client of 3.1.1 cannot be told otherwise than by its end.
        greedy.Publish("t", payload);
        Assert.Equal(taken + messages, _parts.RuleQueue.Lines.Count);
        var old = TestClient.Connected(_parts, Device("greedy"), MqttVersion.V311);
        old.Publish("t", payload, Qos.AtLeastOnce, version: MqttVersion.V311);
        Assert.Equal(ReasonCode.QuotaExceeded, old.Ended?.Code);
    }

    [Fact]
    public void What_the_rule_works_off_is_counted_again()
    {
        var publisher = Connect("p");
        // As many as there are in a day: the queue is never long.
        for (ushort id = 1; id <= 200; id++)
        {
            _parts.RuleQueue.Empty();
            Assert.Equal(0, Publish(publisher, "x", id));
        }
        // Others hold much, and what this one publishes goes out: it is never refused, and nobody counts for each message.
        for (ushort id = 1; id <= 16; id++) Publish(Connect("other"), "x", id);
        int counts = _parts.RuleQueue.Counts;
        for (ushort id = 1; id <= 200; id++)
        {
            _parts.RuleQueue.Remove("p");
            _parts.Time.Advance(TimeSpan.FromMilliseconds(500));
            Assert.Equal(0, Publish(publisher, "x", id));
        }
        Assert.InRange(_parts.RuleQueue.Counts - counts, 5, 50);

        // And one that was refused is taken when there is room again.
        for (ushort id = 1; id <= 15; id++) Publish(publisher, "x", id);
        Assert.Equal(0x97, Publish(publisher, "x", 99));
        _parts.RuleQueue.Remove("p");
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Publish(publisher, "x", 1));
    }

    [Fact]
    public void A_gateway_that_starts_counts_what_is_there()
    {
        var greedy = Connect("greedy");
        for (ushort id = 1; id <= 16; id++) Publish(greedy, "x", id);
        StartAgain();
        Assert.Equal(0x97, Publish(greedy, "x", 17));
        Assert.Equal(0, Publish(Connect("modest"), "x", 1));
    }

    [Fact]
    public void A_client_gets_no_new_share_with_a_new_name_and_takes_none_of_the_device_s_that_it_calls_itself_like()
    {
        for (ushort id = 1; id <= 20; id++) Publish(TestClient.Connected(_parts, GatewayParts.Plain($"p-{id}")), "x", id);
        Assert.Equal(0x97, Publish(TestClient.Connected(_parts, GatewayParts.Plain("device")), "x", 1));
        Assert.Equal(0, Publish(Connect("device"), "x", 1));
        StartAgain();
        Assert.Equal(0, Publish(Connect("device"), "x", 2));
        Assert.Equal(0x97, Publish(TestClient.Connected(_parts, GatewayParts.Plain("new")), "x", 1));
    }

    private void StartAgain()
    {
        // Another life of the rule at this gateway knows nothing of them but what the queue says.
        _parts.Rules.Apply(new RuleTable(2, []));
        _parts.Rules.Apply(new RuleTable(3, [new(Given.Name("r"), 1, "t", Enabled: true)]));
    }

    private void Start() => _parts.Rules.Apply(new RuleTable(1, [new(Given.Name("r"), 1, "t", Enabled: true)]));

    private TestClient Connect(string thing) => TestClient.Connected(_parts, Device(thing));

    /// <summary>One that may publish to the rule's topic.</summary>
    private static SessionIdentity Device(string thing) => GatewayParts.Identity(SessionKind.Device, thing, BuiltInPolicies.Development);

    /// <returns>The code of PUBACK.</returns>
    private static int Publish(TestClient client, string payload, ushort packetId)
    {
        client.Publish("t", payload, Qos.AtLeastOnce, packetId);
        byte[] answer = client.Read();
        Assert.Equal(0x40, answer[0]);
        return answer[1] == 2 ? 0 : answer[4];
    }
}
