using System.Text;
using System.Threading.Channels;
using Fleet.IntegrationTests.Support;
using MQTTnet;
using MQTTnet.Diagnostics.PacketInspection;
using MQTTnet.Protocol;

namespace Fleet.InteropTests;

/// <summary>MQTTnet's client in a test's hands: what it receives waits in a queue.</summary>
internal sealed class MqttNetClient : IAsyncDisposable
{
    private const byte PingResp = 0xD0;

    private readonly Channel<MqttApplicationMessage> _inbox = Channel.CreateUnbounded<MqttApplicationMessage>();
    private readonly TaskCompletionSource<MqttClientDisconnectedEventArgs> _ended =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly SemaphoreSlim _pongs = new(0);

    private MqttNetClient(string id)
    {
        Id = id;
        Client.InspectPacketAsync += e =>
        {
            if (e.Direction is MqttPacketFlowDirection.Inbound && e.Buffer[0] == PingResp) _pongs.Release();
            return Task.CompletedTask;
        };
        Client.ApplicationMessageReceivedAsync += e => _inbox.Writer.WriteAsync(e.ApplicationMessage).AsTask();
        Client.DisconnectedAsync += e =>
        {
            _ended.TrySetResult(e);
            return Task.CompletedTask;
        };
    }

    public string Id { get; }
    public IMqttClient Client { get; } = new MqttClientFactory().CreateMqttClient();

    /// <summary>CONNACK, a refusal too.</summary>
    public MqttClientConnectResult Connack { get; private set; } = null!;

    /// <summary>A topic that this client may use, whoever it is.</summary>
    public string Topic(string name) => $"fleet/{Id}/{name}";

    public static async Task<MqttNetClient> Connect(string id, MqttClientOptions options)
    {
        var client = new MqttNetClient(id);
        client.Connack = await client.Client.ConnectAsync(options, Patience());
        return client;
    }

    /// <summary>At QoS 2, so that messages come with the one they were published with.</summary>
    public async Task Subscribe(string filter)
    {
        var subscribe = new MqttClientSubscribeOptionsBuilder().WithTopicFilter(filter, MqttQualityOfServiceLevel.ExactlyOnce);
        Assert.Equal([MqttClientSubscribeResultCode.GrantedQoS2], await Subscribe(subscribe));
    }

    public async Task<IEnumerable<MqttClientSubscribeResultCode>> Subscribe(MqttClientSubscribeOptionsBuilder subscribe) =>
        (await Client.SubscribeAsync(subscribe.Build(), Patience())).Items.Select(item => item.ResultCode);

    public Task<MqttClientPublishResult> Publish(
        string topic, string payload, MqttQualityOfServiceLevel qos = MqttQualityOfServiceLevel.AtLeastOnce, bool retain = false) =>
        Client.PublishStringAsync(topic, payload, qos, retain, Patience());

    public Task<MqttClientPublishResult> Publish(MqttApplicationMessageBuilder message) => Client.PublishAsync(message.Build(), Patience());

    public async Task<MqttApplicationMessage> Next() => await _inbox.Reader.ReadAsync(Patience());

    public async Task<string> NextText() => Text(await Next());

    public static string Text(MqttApplicationMessage message) => Encoding.UTF8.GetString(message.Payload);

    /// <summary>Waits for this many more answers to its pings.</summary>
    public async Task Pongs(int count)
    {
        for (int i = 0; i < count; i++) await _pongs.WaitAsync(Patience());
    }

    /// <summary>How the connection ended, once it has.</summary>
    public Task<MqttClientDisconnectedEventArgs> Ended() => _ended.Task.WaitAsync(Patience());

    /// <summary>Without DISCONNECT, as a device whose power is cut.</summary>
    public void Die() => Client.Dispose();

    public async ValueTask DisposeAsync()
    {
        await Client.TryDisconnectAsync();
        Client.Dispose();
    }

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
