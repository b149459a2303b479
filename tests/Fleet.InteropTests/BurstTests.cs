using Fleet.IntegrationTests.Support;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Fleet.InteropTests;

/// <summary>
/// Clients of 3.1.1 that send as much at once as they can. An absent session is owed all of it, so that each acknowledgement waits for the
/// store; nobody is cut off, and another client is served meanwhile.
/// </summary>
public sealed class BurstTests(MqttNetFleet fleet) : IClassFixture<MqttNetFleet>
{
    [Theory, InlineData(1, 900), InlineData(2, 500)]
    public async Task Paho_for_Python_sends_itself_all_at_once(int qos, int count)
    {
        Strangers.Need("/usr/lib/python3/dist-packages/paho", "Debian package python3-paho-mqtt");
        string id = fleet.NewId(), topic = $"fleet/{id}/burst";
        await LeaveSubscription(topic);
        await using var burst = ChildProcess.Start(
            Strangers.Python, Strangers.Client("burst.py"), "localhost", $"{fleet.Service.PlainPort}", id, topic, $"{qos}", $"{count}");
        await using var other = await fleet.Connect(Listener.Tcp, MqttProtocolVersion.V311);
        Assert.True((await other.Publish(other.Topic("x"), "")).IsSuccess);
        using var patience = new CancellationTokenSource(Eventually.Patience);
        Assert.True(await burst.Exited(patience.Token) == 0, burst.Output);
        Assert.Contains($"arrived {count}, delivered {count}, connected 1", burst.Output, StringComparison.Ordinal);
    }

    [Theory, InlineData(Listener.Tcp), InlineData(Listener.Tls), InlineData(Listener.WebSocket)]
    public async Task MQTTnet_publishes_all_at_once(Listener listener)
    {
        await using var client = await fleet.Connect(listener, MqttProtocolVersion.V311);
        await LeaveSubscription(client.Topic("burst"));
        await using var other = await fleet.Connect(listener, MqttProtocolVersion.V311);
        var all = Enumerable.Range(0, 1_000).Select(i => client.Publish(client.Topic("burst"), $"{i}")).ToArray();
        Assert.True((await other.Publish(other.Topic("x"), "")).IsSuccess);
        Assert.All(await Task.WhenAll(all), result => Assert.True(result.IsSuccess));
        Assert.True(client.Client.IsConnected);
    }

    private async Task LeaveSubscription(string topic)
    {
        var absent = await fleet.Connect(Listener.Tcp, MqttProtocolVersion.V311, more: options => options.WithCleanSession(false));
        Assert.Equal(
            MQTTnet.MqttClientSubscribeResultCode.GrantedQoS1,
            Assert.Single(await absent.Subscribe(
                new MQTTnet.MqttClientSubscribeOptionsBuilder().WithTopicFilter(topic, MqttQualityOfServiceLevel.AtLeastOnce))));
        absent.Die();
    }
}
