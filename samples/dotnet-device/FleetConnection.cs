using System.Buffers;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Protocol;

namespace Fleet.Samples.DotnetDevice;

/// <summary>The service refused a CONNECT, a SUBSCRIBE, a PUBLISH or a request.</summary>
/// <param name="code">Of a request in the jobs family: a word, such as InvalidStateTransition.</param>
internal sealed class RefusedException(string message, string? code = null) : Exception(message)
{
    /// <summary>The job execution ended without this device: it was cancelled, or its time was up.</summary>
    public bool JobIsOver => code is "InvalidStateTransition" or "ResourceNotFound";
}

/// <summary>One MQTT connection. Nothing of it outlives it: a device that connects again subscribes again, and asks again.</summary>
internal sealed class FleetConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly DeviceOptions _options;
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly Channel<JsonNode> _jobNotices = Channel.CreateUnbounded<JsonNode>();
    private readonly Channel<(string, JsonNode)> _streamMessages = Channel.CreateUnbounded<(string, JsonNode)>();
    private readonly CancellationTokenSource _alive;
    private volatile Question? _question;

    private sealed record Question(string Topic, string? Token)
    {
        public TaskCompletionSource<(bool Accepted, JsonNode Body)> Answer { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public FleetConnection(DeviceOptions options, CancellationToken stop)
    {
        _options = options;
        _alive = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _client.ApplicationMessageReceivedAsync += Received;
        _client.DisconnectedAsync += Lost;
    }

    /// <summary>Cancelled when the connection is lost, or the program stops.</summary>
    public CancellationToken Alive => _alive.Token;

    public ChannelReader<JsonNode> JobNotices => _jobNotices.Reader;

    public ChannelReader<(string Topic, JsonNode Body)> StreamMessages => _streamMessages.Reader;

    /// <param name="filters">What to subscribe to; at most eight, as many as one SUBSCRIBE may carry.</param>
    public async Task OpenAsync(X509Certificate2 certificate, IEnumerable<string> filters)
    {
        var connect = new MqttClientOptionsBuilder()
            .WithTcpServer(_options.Host, _options.Port)
            .WithTlsOptions(tls => tls
                .WithClientCertificates([certificate])
                .WithTrustChain([X509CertificateLoader.LoadCertificateFromFile(_options.CaFile)])
                // The authority publishes no revocation list that a device could fetch.
                .WithRevocationMode(X509RevocationMode.NoCheck))
            .WithClientId(_options.Thing)
            .WithCleanStart()
            // MQTTnet keeps to this even if the server asks for a shorter period; Fleet takes up to 20 minutes.
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(60))
            .WithTimeout(Patience)
            .Build();
        var subscribe = new MqttClientSubscribeOptionsBuilder();
        foreach (string filter in filters) subscribe.WithTopicFilter(filter, MqttQualityOfServiceLevel.AtLeastOnce);

        using var patience = InTime();
        var connected = await _client.ConnectAsync(connect, patience.Token);
        if (connected.ResultCode != MqttClientConnectResultCode.Success)
            throw new RefusedException($"CONNECT: {connected.ResultCode} {connected.ReasonString}");
        foreach (var item in (await _client.SubscribeAsync(subscribe.Build(), patience.Token)).Items)
        {
            if (item.ResultCode > MqttClientSubscribeResultCode.GrantedQoS2)
                throw new RefusedException($"SUBSCRIBE {item.TopicFilter.Topic}: {item.ResultCode}");
        }
    }

    public async Task PublishAsync(string topic, JsonNode body, MqttQualityOfServiceLevel qos)
    {
        using var patience = InTime();
        var result = await _client.PublishBinaryAsync(topic, JsonSerializer.SerializeToUtf8Bytes(body), qos, retain: false, patience.Token);
        if (!result.IsSuccess) throw new RefusedException($"PUBLISH {topic}: {result.ReasonCode} {result.ReasonString}");
    }

    /// <summary>
    /// Request and response as on AWS IoT: publish to a topic, hear on <c>{topic}/accepted</c> or <c>{topic}/rejected</c>. One at a time.
    /// </summary>
    /// <exception cref="RefusedException">It was rejected.</exception>
    /// <exception cref="TimeoutException">No answer. Every request may be repeated: connect again, and begin again.</exception>
    public async Task<JsonNode> AskAsync(string topic, JsonObject request)
    {
        // Others may ask on a thing's topics too, hence the token. Provisioning knows none: its answers come to the connection that asked.
        string? token = topic.StartsWith("$aws/things/", StringComparison.Ordinal) ? Guid.NewGuid().ToString() : null;
        if (token is not null) request["clientToken"] = token;
        var question = _question = new Question(topic, token);
        await PublishAsync(topic, request, MqttQualityOfServiceLevel.AtLeastOnce);
        var (accepted, body) = await question.Answer.Task.WaitAsync(Patience, Alive);
        return accepted ? body : throw new RefusedException($"{topic}: {body.ToJsonString()}", body["code"]?.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        _client.DisconnectedAsync -= Lost;
        await _client.TryDisconnectAsync();
        _client.Dispose();
        _alive.Dispose();
    }

    /// <summary>MQTTnet waits for a PUBACK for ever unless a token says otherwise.</summary>
    private CancellationTokenSource InTime()
    {
        var patience = CancellationTokenSource.CreateLinkedTokenSource(Alive);
        patience.CancelAfter(Patience);
        return patience;
    }

    private Task Lost(MqttClientDisconnectedEventArgs e) => _alive.CancelAsync();

    /// <summary>Null if it is not JSON.</summary>
    private static JsonNode? Parse(ReadOnlySequence<byte> payload)
    {
        try
        {
            var reader = new Utf8JsonReader(payload);
            return JsonNode.Parse(ref reader);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>MQTTnet hands over one message after the other and acknowledges each afterwards, so nothing may wait here.</summary>
    private Task Received(MqttApplicationMessageReceivedEventArgs e)
    {
        string topic = e.ApplicationMessage.Topic;
        if (Parse(e.ApplicationMessage.Payload) is not { } body)
        {
            Console.Error.WriteLine($"{topic}: not JSON, passed over");
            return Task.CompletedTask;
        }
        if (topic.EndsWith("/jobs/notify-next", StringComparison.Ordinal)) _jobNotices.Writer.TryWrite(body);
        else if (topic.Contains("/streams/", StringComparison.Ordinal)) _streamMessages.Writer.TryWrite((topic, body));
        else if (_question is { } question && IsFor(question)) question.Answer.TrySetResult((topic == $"{question.Topic}/accepted", body));
        return Task.CompletedTask;

        bool IsFor(Question question) =>
            topic.StartsWith(question.Topic, StringComparison.Ordinal) && (string?)body["clientToken"] == question.Token;
    }
}
