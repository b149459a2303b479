using Fleet.IntegrationTests.Support;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using static MQTTnet.Protocol.MqttQualityOfServiceLevel;

namespace Fleet.InteropTests;

/// <summary>What a broker is for, with MQTTnet's client by each way in and in both versions.</summary>
public sealed class MqttNetTests(MqttNetFleet fleet) : IClassFixture<MqttNetFleet>
{
    private const int MaxPayloadBytes = 128 * 1024;

    public static MatrixTheoryData<Listener, MqttProtocolVersion> Everywhere { get; } =
        new(Enum.GetValues<Listener>(), [MqttProtocolVersion.V311, MqttProtocolVersion.V500]);

    [Theory, MemberData(nameof(Everywhere))]
    public async Task Messages_arrive_at_each_qos(Listener listener, MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(listener, version);
        await client.Subscribe(client.Topic("#"));
        foreach (var qos in Enum.GetValues<MqttQualityOfServiceLevel>())
        {
            Assert.Equal(MqttClientPublishReasonCode.Success, (await client.Publish(client.Topic("x"), $"{qos}", qos)).ReasonCode);
            var message = await client.Next();
            Assert.Equal((client.Topic("x"), $"{qos}", qos), (message.Topic, MqttNetClient.Text(message), message.QualityOfServiceLevel));
        }
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task A_retained_message_is_kept_replaced_and_removed(Listener listener, MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(listener, version);
        await client.Publish(client.Topic("kept"), "first", retain: true);
        await client.Publish(client.Topic("kept"), "second", retain: true);
        await client.Publish(client.Topic("removed"), "other", retain: true);
        await client.Publish(client.Topic("removed"), "", retain: true);
        await client.Subscribe(client.Topic("#"));
        var kept = await client.Next();
        Assert.Equal(("second", true), (MqttNetClient.Text(kept), kept.Retain));
        await client.Publish(client.Topic("removed"), "live");
        var live = await client.Next();
        Assert.Equal(("live", false), (MqttNetClient.Text(live), live.Retain));
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task A_will_is_published_when_the_client_dies(Listener listener, MqttProtocolVersion version)
    {
        string id = fleet.NewId();
        await using var watcher = await fleet.Connect(Listener.Tcp, version);
        await watcher.Subscribe($"fleet/{id}/#");
        await using var mortal = await fleet.Connect(listener, version, id, options => options
            .WithWillTopic($"fleet/{id}/status").WithWillPayload("gone").WithWillQualityOfServiceLevel(AtLeastOnce));
        mortal.Die();
        Assert.Equal("gone", await watcher.NextText());
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task A_client_that_says_goodbye_has_no_will(Listener listener, MqttProtocolVersion version)
    {
        string id = fleet.NewId();
        await using var watcher = await fleet.Connect(Listener.Tcp, version);
        await watcher.Subscribe($"fleet/{id}/#");
        var first = await fleet.Connect(listener, version, id, options => options
            .WithWillTopic($"fleet/{id}/status").WithWillPayload("gone"));
        await first.DisposeAsync();
        // A connection of the same id begins when the former one has ended, with all that its end brings.
        await using var again = await fleet.Connect(listener, version, id);
        await again.Publish(again.Topic("status"), "back");
        Assert.Equal("back", await watcher.NextText());
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task A_persistent_session_hears_what_it_missed(Listener listener, MqttProtocolVersion version)
    {
        void Keep(MqttClientOptionsBuilder options)
        {
            options.WithCleanSession(false);
            if (version is MqttProtocolVersion.V500) options.WithSessionExpiryInterval(3600);
        }

        string id = fleet.NewId();
        await using (var first = await fleet.Connect(listener, version, id, Keep))
        {
            Assert.False(first.Connack.IsSessionPresent);
            await first.Subscribe(first.Topic("#"));
            first.Die();
        }
        await using var publisher = await fleet.Connect(Listener.Tcp, version);
        for (int i = 0; i < 3; i++) await publisher.Publish($"fleet/{id}/x", $"{i}", i == 1 ? ExactlyOnce : AtLeastOnce);
        await using var again = await fleet.Connect(listener, version, id, Keep);
        Assert.True(again.Connack.IsSessionPresent);
        Assert.Equal(["0", "1", "2"], [await again.NextText(), await again.NextText(), await again.NextText()]);
        await again.Publish(again.Topic("x"), "3");
        Assert.Equal("3", await again.NextText());
    }

    /// <summary>Devices may not: each hears its own topics alone.</summary>
    [Theory]
    [InlineData(Listener.Tcp, MqttProtocolVersion.V311), InlineData(Listener.Tcp, MqttProtocolVersion.V500)]
    [InlineData(Listener.WebSocket, MqttProtocolVersion.V311), InlineData(Listener.WebSocket, MqttProtocolVersion.V500)]
    public async Task A_shared_subscription_divides_the_work(Listener listener, MqttProtocolVersion version)
    {
        await using var publisher = await fleet.Connect(listener, version);
        await using var one = await fleet.Connect(listener, version);
        await using var other = await fleet.Connect(listener, version);
        await one.Subscribe($"$share/crew/{publisher.Topic("#")}");
        await other.Subscribe($"$share/crew/{publisher.Topic("#")}");
        for (int i = 0; i < 10; i++) await publisher.Publish(publisher.Topic("work"), $"{i}");
        // Each hears its own last word last.
        await one.Subscribe(one.Topic("end"));
        await other.Subscribe(other.Topic("end"));
        await publisher.Publish(one.Topic("end"), "end");
        await publisher.Publish(other.Topic("end"), "end");
        var (left, right) = (await UntilEnd(one), await UntilEnd(other));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), left.Concat(right).Order());
        Assert.NotEmpty(left);
        Assert.NotEmpty(right);

        static async Task<List<string>> UntilEnd(MqttNetClient client)
        {
            var heard = new List<string>();
            while (await client.NextText() is var text and not "end") heard.Add(text);
            return heard;
        }
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task The_largest_payload_passes_and_a_larger_one_ends_the_connection(Listener listener, MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(listener, version);
        await client.Subscribe(client.Topic("#"));
        string largest = new('x', MaxPayloadBytes);
        await client.Publish(client.Topic("x"), largest);
        Assert.Equal(largest, await client.NextText());
        await Assert.ThrowsAnyAsync<MqttCommunicationException>(() => client.Publish(client.Topic("x"), largest + "y"));
        var end = await client.Ended();
        if (version is MqttProtocolVersion.V500) Assert.Equal(MqttClientDisconnectReason.PacketTooLarge, end.Reason);
    }

    /// <summary>An operator may subscribe to anything.</summary>
    [Theory]
    [InlineData(Listener.Tcp, MqttProtocolVersion.V311), InlineData(Listener.Tcp, MqttProtocolVersion.V500)]
    [InlineData(Listener.Tls, MqttProtocolVersion.V311), InlineData(Listener.Tls, MqttProtocolVersion.V500)]
    public async Task A_denied_subscription_is_refused_and_the_one_beside_it_is_not(Listener listener, MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(listener, version);
        var granted = await client.Subscribe(
            new MqttClientSubscribeOptionsBuilder().WithTopicFilter("$aws/things/somebody/#").WithTopicFilter(client.Topic("#")));
        var refusal = version is MqttProtocolVersion.V500
            ? MqttClientSubscribeResultCode.NotAuthorized : MqttClientSubscribeResultCode.UnspecifiedError;
        Assert.Equal([refusal, MqttClientSubscribeResultCode.GrantedQoS0], granted);
    }

    [Theory, InlineData(Listener.Tcp), InlineData(Listener.Tls), InlineData(Listener.WebSocket)]
    public async Task A_denied_publish_ends_the_connection_where_the_version_has_no_reason_for_it(Listener listener)
    {
        await using var client = await fleet.Connect(listener, MqttProtocolVersion.V311);
        await Assert.ThrowsAnyAsync<MqttCommunicationException>(() => client.Publish("$aws/events/presence/connected/somebody", "{}"));
        await client.Ended();
    }

    [Theory, MemberData(nameof(Everywhere))]
    public async Task A_quiet_client_stays_by_its_pings(Listener listener, MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(
            listener, version, more: options => options.WithKeepAlivePeriod(TimeSpan.FromSeconds(1)));
        await client.Subscribe(client.Topic("#"));
        // Two periods: a server that heard no ping would have ended it after one and a half.
        await client.Pongs(2);
        await client.Publish(client.Topic("x"), "still here");
        Assert.Equal("still here", await client.NextText());
    }

    [Theory, InlineData(MqttProtocolVersion.V311), InlineData(MqttProtocolVersion.V500)]
    public async Task A_wrong_password_is_told_apart(MqttProtocolVersion version)
    {
        await using var client = await fleet.Connect(
            Listener.WebSocket, version, more: options => options.WithCredentials("operator", "guess"));
        Assert.Equal(MqttClientConnectResultCode.BadUserNameOrPassword, client.Connack.ResultCode);
    }
}
