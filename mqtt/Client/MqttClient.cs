namespace Fleet.Mqtt;

public sealed class MqttClient : IAsyncDisposable
{
    private MqttClient(MqttClientOptions options, ConnectResult connection) => (Options, Connection) = (options, connection);

    public MqttClientOptions Options { get; }
    public ConnectResult Connection { get; }
    public string ClientId => Connection.AssignedClientId ?? Options.ClientId;
    public bool IsConnected => !Closed.IsCompleted;
    public Task<ClientClosed> Closed => throw new NotSupportedException();
    public static Task<MqttClient> ConnectAsync(MqttClientOptions options, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode> PublishAsync(string topic, ReadOnlyMemory<byte> payload, Qos qos = Qos.AtMostOnce, bool retain = false, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode> PublishAsync(MqttMessage message, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode> SubscribeAsync(string filter, Qos qos = Qos.AtMostOnce, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode[]> SubscribeAsync(IReadOnlyList<Subscription> subscriptions, uint subscriptionId = 0, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode> UnsubscribeAsync(string filter, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task<ReasonCode[]> UnsubscribeAsync(IReadOnlyList<string> filters, CancellationToken cancellation = default) => throw new NotSupportedException();
    public Task DisconnectAsync(ReasonCode reason = ReasonCode.Success, CancellationToken cancellation = default) => throw new NotSupportedException();
    public void Abort() => throw new NotSupportedException();
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
