using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using static MQTTnet.Protocol.MqttQualityOfServiceLevel;

namespace Fleet.InteropTests;

/// <summary>What only MQTT 5.0 has, with MQTTnet's client by each way in.</summary>
public sealed class MqttNetFiveTests(MqttNetFleet fleet) : IClassFixture<MqttNetFleet>
{
    public static TheoryData<Listener> Listeners { get; } = [.. Enum.GetValues<Listener>()];

    [Theory, MemberData(nameof(Listeners))]
    public async Task Properties_pass_from_publisher_to_subscriber(Listener listener)
    {
        await using var client = await Connect(listener);
        await client.Subscribe(client.Topic("#"));
        await client.Publish(new MqttApplicationMessageBuilder()
            .WithTopic(client.Topic("question")).WithPayload("{}").WithQualityOfServiceLevel(AtLeastOnce)
            .WithUserProperty("from", "here"u8.ToArray()).WithUserProperty("from", "there"u8.ToArray()).WithContentType("application/json")
            .WithPayloadFormatIndicator(MqttPayloadFormatIndicator.CharacterData).WithMessageExpiryInterval(60)
            .WithResponseTopic(client.Topic("answer")).WithCorrelationData([1, 2, 3]));
        var message = await client.Next();
        var properties = message.UserProperties.Select(property => (property.Name, Encoding.UTF8.GetString(property.ValueBuffer.Span)));
        Assert.Equal([("from", "here"), ("from", "there")], properties);
        Assert.Equal(("application/json", MqttPayloadFormatIndicator.CharacterData), (message.ContentType, message.PayloadFormatIndicator));
        Assert.InRange(message.MessageExpiryInterval, 1u, 60u);
        Assert.Equal((client.Topic("answer"), "010203"), (message.ResponseTopic, Convert.ToHexString(message.CorrelationData)));
    }

    [Theory, MemberData(nameof(Listeners))]
    public async Task A_message_says_which_subscriptions_it_is_for(Listener listener)
    {
        await using var client = await Connect(listener);
        await client.Subscribe(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(client.Topic("+")).WithSubscriptionIdentifier(7));
        await client.Subscribe(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(client.Topic("#")).WithSubscriptionIdentifier(300));
        await client.Publish(client.Topic("a"), "both");
        await client.Publish(client.Topic("a/b"), "one");
        var heard = new List<(string, uint)>();
        while (heard.Count < 3)
        {
            var message = await client.Next();
            heard.AddRange(message.SubscriptionIdentifiers.Select(identifier => (MqttNetClient.Text(message), identifier)));
        }
        Assert.Equal([("both", 7u), ("both", 300u), ("one", 300u)], heard.Order());
    }

    [Theory, MemberData(nameof(Listeners))]
    public async Task A_topic_alias_stands_for_the_topic_both_ways(Listener listener)
    {
        await using var client = await Connect(listener, options => options.WithTopicAliasMaximum(10));
        Assert.InRange(client.Connack.TopicAliasMaximum, (ushort)1, ushort.MaxValue);
        await client.Subscribe(client.Topic("#"));
        await client.Publish(new MqttApplicationMessageBuilder().WithTopic(client.Topic("x")).WithTopicAlias(1).WithPayload("named"));
        await client.Publish(new MqttApplicationMessageBuilder().WithTopicAlias(1).WithPayload("by alias"));
        var (named, byAlias) = (await client.Next(), await client.Next());
        // MQTTnet leaves it to its user to look an alias up.
        Assert.Equal((client.Topic("x"), "named"), (named.Topic, MqttNetClient.Text(named)));
        Assert.Equal(("", "by alias"), (byAlias.Topic ?? "", MqttNetClient.Text(byAlias)));
        Assert.NotEqual(0, named.TopicAlias);
        Assert.Equal(named.TopicAlias, byAlias.TopicAlias);
    }

    [Theory, MemberData(nameof(Listeners))]
    public async Task A_client_does_not_hear_itself_if_it_says_so(Listener listener)
    {
        await using var client = await Connect(listener);
        await using var other = await Connect(Listener.Tcp);
        await client.Subscribe(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(client.Topic("#"), noLocal: true));
        await client.Publish(client.Topic("x"), "mine");
        await other.Publish(client.Topic("x"), "another's");
        Assert.Equal("another's", await client.NextText());
    }

    [Theory, MemberData(nameof(Listeners))]
    public async Task A_denied_publish_has_its_reason_and_the_connection_stays(Listener listener)
    {
        await using var client = await Connect(listener);
        var answer = await client.Publish("$aws/events/presence/connected/somebody", "{}");
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, answer.ReasonCode);
        Assert.Contains("denied", answer.ReasonString, StringComparison.Ordinal);
        // MQTTnet goes on with PUBREL after a PUBREC that refuses, and tells its user of the PUBCOMP alone.
        Assert.False((await client.Publish("$aws/events/presence/connected/somebody", "{}", ExactlyOnce)).IsSuccess);
        Assert.True((await client.Publish(client.Topic("x"), "allowed")).IsSuccess);
    }

    [Theory, MemberData(nameof(Listeners))]
    public async Task A_second_client_with_the_same_id_takes_over(Listener listener)
    {
        await using var first = await Connect(listener);
        await using var second = await fleet.Connect(listener, MqttProtocolVersion.V500, first.Id);
        Assert.Equal(MqttClientDisconnectReason.SessionTakenOver, (await first.Ended()).Reason);
    }

    /// <summary>MQTTnet pings by the period that it asked for, whatever it is told: a longer one than the server's would not do.</summary>
    [Theory, MemberData(nameof(Listeners))]
    public async Task A_client_is_told_what_the_service_offers(Listener listener)
    {
        await using var client = await Connect(
            listener, options => options.WithKeepAlivePeriod(TimeSpan.FromHours(2)).WithSessionExpiryInterval(uint.MaxValue));
        var connack = client.Connack;
        Assert.Equal(1_200, connack.ServerKeepAlive);
        Assert.Equal(7 * 86_400u, connack.SessionExpiryInterval);
        Assert.Equal((ushort?)100, connack.ReceiveMaximum);
        Assert.Equal(ExactlyOnce, connack.MaximumQoS);
        Assert.True(connack is { RetainAvailable: true, WildcardSubscriptionAvailable: true, SharedSubscriptionAvailable: true });
        Assert.True(connack is { SubscriptionIdentifiersAvailable: true, MaximumPacketSize: > 128 * 1024 });
    }

    private Task<MqttNetClient> Connect(Listener listener, Action<MqttClientOptionsBuilder>? more = null) =>
        fleet.Connect(listener, MqttProtocolVersion.V500, more: more);
}
