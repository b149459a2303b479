namespace Fleet.Mqtt;

/// <summary>
/// One connection to an MQTT server, as a device has it: QoS 0, 1 and 2, MQTT 3.1.1 and 5.0. It does not reconnect; what to do when
/// <see cref="Closed"/> completes is the device's decision. Safe for any number of threads. It has no thread of its own, and no
/// buffer while nothing is under way. A 3.1.1 server that refuses a publish closes the connection: PUBACK has no code there.
/// </summary>
public sealed class MqttClient : IAsyncDisposable
{
    private readonly ClientConnection _connection;

    private MqttClient(MqttClientOptions options, ClientConnection connection) => (Options, _connection) = (options, connection);

    public MqttClientOptions Options { get; }

    /// <summary>What the server answered to CONNECT.</summary>
    public ConnectResult Connection => _connection.Result;

    /// <summary>The one in use: ours, or the one the server assigned.</summary>
    public string ClientId => Connection.AssignedClientId ?? Options.ClientId;

    public bool IsConnected => !Closed.IsCompleted;

    /// <summary>Completes, never with an exception, when the connection is over.</summary>
    public Task<ClientClosed> Closed => _connection.Closed;

    /// <exception cref="MqttConnectRefusedException">The server said no.</exception>
    /// <exception cref="MqttConnectionLostException">
    /// The transport could not be opened, or failed or fell silent before the answer.
    /// </exception>
    public static async Task<MqttClient> ConnectAsync(MqttClientOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.KeepAlive < TimeSpan.Zero || options.KeepAlive.TotalSeconds > ushort.MaxValue)
            throw new ArgumentException($"{nameof(options.KeepAlive)} is {options.KeepAlive}, not 0 to 65,535 s.", nameof(options));
        if (options.Will is { Message: var will }) Check(will, nameof(options));
        return new(options, await ClientConnection.Open(options, cancellation).ConfigureAwait(false));
    }

    /// <inheritdoc cref="PublishAsync(MqttMessage, CancellationToken)"/>
    public Task<ReasonCode> PublishAsync(
        string topic, ReadOnlyMemory<byte> payload, Qos qos = Qos.AtMostOnce, bool retain = false,
        CancellationToken cancellation = default) =>
        PublishAsync(new MqttMessage { Topic = topic, Payload = payload, Qos = qos, Retain = retain }, cancellation);

    /// <returns>
    /// QoS 0: success, when the message is in the send buffer. QoS 1: the code of PUBACK, which may be a refusal. QoS 2: that of PUBREC if
    /// it refuses, else of PUBCOMP. The payload is copied before this returns, unless the server's receive maximum makes it wait.
    /// </returns>
    /// <exception cref="MqttConnectionLostException">The connection is over; whether the message arrived is unknown.</exception>
    public async Task<ReasonCode> PublishAsync(MqttMessage message, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        Check(message, nameof(message));
        if (message.Qos == Qos.AtMostOnce)
        {
            _connection.ThrowIfClosed();
            _connection.Send(message, packetId: 0);
            await _connection.WhenWritable(cancellation).ConfigureAwait(false);
            return ReasonCode.Success;
        }
        await _connection.Pending.AcquirePublishSlot(cancellation).ConfigureAwait(false);
        var request = _connection.Pending.Add(message.Qos == Qos.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, codes: 1);
        try
        {
            _connection.Send(message, request.PacketId);
        }
        catch
        {
            _connection.Pending.Withdraw(request);
            throw;
        }
        return (await request.Task.WaitAsync(cancellation).ConfigureAwait(false))[0];
    }

    /// <returns>The granted QoS, or a refusal (0x80 and above).</returns>
    /// <exception cref="MqttConnectionLostException">The connection is over.</exception>
    public async Task<ReasonCode> SubscribeAsync(string filter, Qos qos = Qos.AtMostOnce, CancellationToken cancellation = default) =>
        (await SubscribeAsync([new Subscription(filter, qos)], 0, cancellation).ConfigureAwait(false))[0];

    /// <param name="subscriptionId">5.0: comes back with each message that these subscriptions matched; 0 for none.</param>
    /// <returns>A code per subscription, in their order: the granted QoS, or a refusal (0x80 and above).</returns>
    /// <exception cref="MqttConnectionLostException">The connection is over.</exception>
    public async Task<ReasonCode[]> SubscribeAsync(
        IReadOnlyList<Subscription> subscriptions, uint subscriptionId = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(subscriptions);
        ArgumentOutOfRangeException.ThrowIfZero(subscriptions.Count, nameof(subscriptions));
        cancellation.ThrowIfCancellationRequested();
        var request = _connection.Pending.Add(PacketType.SubAck, subscriptions.Count);
        var properties = new PropertyBuilder();
        if (subscriptionId != 0) properties.Add(PropertyId.SubscriptionIdentifier, subscriptionId);
        _connection.Send((subscriptions, request.PacketId, properties), static (connection, ask, output) =>
            SubscribePacket.Write(output, connection.Version, ask.PacketId, ask.properties.Properties, ask.subscriptions));
        return await request.Task.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <returns>Success, or 0x11 if there was no such subscription (5.0).</returns>
    /// <exception cref="MqttConnectionLostException">The connection is over.</exception>
    public async Task<ReasonCode> UnsubscribeAsync(string filter, CancellationToken cancellation = default) =>
        (await UnsubscribeAsync([filter], cancellation).ConfigureAwait(false))[0];

    /// <inheritdoc cref="UnsubscribeAsync(string, CancellationToken)"/>
    public async Task<ReasonCode[]> UnsubscribeAsync(IReadOnlyList<string> filters, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(filters);
        ArgumentOutOfRangeException.ThrowIfZero(filters.Count, nameof(filters));
        cancellation.ThrowIfCancellationRequested();
        var request = _connection.Pending.Add(PacketType.UnsubAck, filters.Count);
        _connection.Send((filters, request.PacketId), static (connection, ask, output) =>
            UnsubscribePacket.Write(output, connection.Version, ask.PacketId, default, ask.filters));
        return await request.Task.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Sends what waits, then DISCONNECT, and lets the server close: no will, unless <paramref name="reason"/> is
    /// <see cref="ReasonCode.DisconnectWithWill"/>. A server that does not close within two seconds is left. Idempotent.
    /// </summary>
    public Task DisconnectAsync(ReasonCode reason = ReasonCode.Success, CancellationToken cancellation = default) =>
        _connection.Disconnect(reason, cancellation);

    /// <summary>Closes the transport without DISCONNECT, as a device does that loses power: the will fires. Idempotent.</summary>
    public void Abort() => _connection.Dispose();

    /// <summary>Disconnects, if nothing else has ended the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await DisconnectAsync().ConfigureAwait(false);
        _connection.Dispose();
    }

    private static void Check(MqttMessage message, string parameter)
    {
        if (!TopicName.IsValid(message.Topic))
            throw new ArgumentException($"'{message.Topic}' is no topic name (MQTT 5.0, 4.7).", parameter);
    }
}
