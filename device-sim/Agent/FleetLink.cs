using System.Text.Json;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.Mqtt;

namespace Fleet.DeviceSim.Agent;

/// <summary>One connection of a device with its own certificate: the requests and reports of the wire, nothing decided.</summary>
internal sealed class FleetLink : IAsyncDisposable
{
    private const int MaxAttempts = 4;

    private static readonly byte[] Online = """{"status":"online"}"""u8.ToArray();
    private static readonly byte[] Offline = """{"status":"offline"}"""u8.ToArray();

    private readonly AgentOptions _options;
    private readonly AgentServices _services;
    private readonly Random _random;
    private readonly Action<HeadMessage> _onHead;
    private readonly DeviceTopics _topics;
    private readonly Answers _answers = new();
    private MqttClient _client = null!;
    private StreamFetch? _stream;

    /// <param name="onHead">Called with each notify-next, from the connection's reader: it must return at once.</param>
    private FleetLink(AgentOptions options, AgentServices services, Random random, Action<HeadMessage> onHead)
    {
        (_options, _services, _random, _onHead) = (options, services, random, onHead);
        _topics = new DeviceTopics(options.ThingName);
    }

    /// <summary>Completes when the connection is over.</summary>
    public Task<ClientClosed> Closed => _client.Closed;

    /// <summary>Connects to <paramref name="server"/>, subscribes and says online; the will says offline.</summary>
    /// <exception cref="WireException">A subscription was refused.</exception>
    public static async Task<FleetLink> OpenAsync(
        AgentOptions options, Server server, AgentServices services, TlsOptions tls, Random random, Action<HeadMessage> onHead,
        CancellationToken cancellation)
    {
        var link = new FleetLink(options, services, random, onHead);
        link._client = await MqttClient.ConnectAsync(new MqttClientOptions
        {
            Host = server.Host,
            Port = server.Port,
            Transport = MqttTransport.Tls,
            Tls = tls,
            OpenStream = services.OpenStream,
            ClientId = options.ThingName,
            Will = new MqttWill(new MqttMessage { Topic = link._topics.Status, Payload = Offline, Qos = Qos.AtLeastOnce, Retain = true }),
            OnMessage = link.OnMessage,
            TimeProvider = services.Time,
        }, cancellation);
        services.Counters.Connected();
        try
        {
            await link.SubscribeAsync(cancellation);
            await link.PublishAsync(link._topics.Status, Online, retain: true, cancellation);
            return link;
        }
        catch
        {
            link.Abort();
            throw;
        }
    }

    /// <summary>The device's network is gone.</summary>
    public void Abort() => _client.Abort();

    /// <summary>Says goodbye; the will is published, because a device that restarts is offline.</summary>
    public async ValueTask DisposeAsync()
    {
        await _client.DisconnectAsync(ReasonCode.DisconnectWithWill);
        await _client.DisposeAsync();
    }

    public async Task BeatAsync(long sequence, CancellationToken cancellation)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new Heartbeat(sequence, _options.HeartbeatPeriod.TotalSeconds), DeviceJson.Default.Heartbeat);
        await _client.PublishAsync(_topics.Heartbeat, body, cancellation: cancellation);
        _services.Counters.Beat();
    }

    public async Task ReportShadowAsync(RunningImage running, CancellationToken cancellation)
    {
        var reported = new ShadowUpdate.ReportedState(new(running.Version, running.Slot.Letter()), running.Health);
        var answer = await AskAsync(_topics.UpdateShadow,
            token => JsonSerializer.SerializeToUtf8Bytes(new ShadowUpdate(new(reported), token), DeviceJson.Default.ShadowUpdate),
            cancellation);
        if (!answer.Accepted) throw Refused("The shadow update", answer);
    }

    /// <summary>StartNextPendingJobExecution.</summary>
    public async Task<HeadMessage> StartNextAsync(CancellationToken cancellation)
    {
        var details = new Dictionary<string, string> { ["step"] = "downloading" };
        var answer = await AskAsync(_topics.StartNext,
            token => JsonSerializer.SerializeToUtf8Bytes(new StartNextRequest(token, details), JobJson.Default.StartNextRequest),
            cancellation);
        if (!answer.Accepted) throw Refused("start-next", answer);
        return TryRead(answer.Body) ?? throw new WireException("The answer of start-next cannot be read.");
    }

    /// <param name="progress">Null: nothing to say of it.</param>
    /// <returns>False if the job is no longer this device's to do.</returns>
    public Task<bool> ReportStepAsync(JobKey job, UpdateStep step, string? progress, CancellationToken cancellation)
    {
        var details = new Dictionary<string, string> { ["step"] = step.ToString().ToLowerInvariant() };
        if (progress is not null) details["progress"] = progress;
        return UpdateJobAsync(job, "IN_PROGRESS", details, cancellation);
    }

    /// <summary>UpdateJobExecution.</summary>
    /// <returns>False if the execution is over for the service: cancelled, timed out, ended already, or unknown.</returns>
    /// <exception cref="WireException">Rejected for any other reason.</exception>
    public async Task<bool> UpdateJobAsync(JobKey job, string status, Dictionary<string, string> details, CancellationToken cancellation)
    {
        var answer = await AskAsync(_topics.UpdateJob(job.JobId),
            token => JsonSerializer.SerializeToUtf8Bytes(
                new UpdateJobRequest(status, details, job.ExecutionNumber, token), JobJson.Default.UpdateJobRequest), cancellation);
        if (answer.Accepted) return true;
        return answer.Code is "InvalidStateTransition" or "ResourceNotFound" or "TerminalStateReached"
            ? false : throw Refused($"{status} of job {job.JobId}", answer);
    }

    /// <summary>Subscribes to a stream and hands its messages to the fetch that the caller then runs.</summary>
    public async Task<StreamFetch> OpenStreamAsync(FirmwareJob job, CancellationToken cancellation)
    {
        var (stream, format) = (job.Stream!, _options.Format.Suffix());
        await SubscribeAsync([new(_topics.Data(stream, format)), new(_topics.Rejected(stream, format))], cancellation);
        var topic = _topics.GetBlocks(stream, format);
        return _stream = new StreamFetch(job, _options.Format,
            (body, stop) => _client.PublishAsync(topic, body, cancellation: stop), _options.BlockTimeout, _services.Time,
            _services.Counters.Fetch);
    }

    private Task SubscribeAsync(CancellationToken cancellation) => SubscribeAsync(
        [
            new(_topics.NotifyNext, Qos.AtLeastOnce),
            new(_topics.StartNext + "/accepted"), new(_topics.StartNext + "/rejected"),
            new(_topics.UpdateJob("+") + "/accepted"), new(_topics.UpdateJob("+") + "/rejected"),
            new(_topics.UpdateShadow + "/accepted"), new(_topics.UpdateShadow + "/rejected"),
        ], cancellation);

    private async Task SubscribeAsync(Subscription[] subscriptions, CancellationToken cancellation)
    {
        var codes = await _client.SubscribeAsync(subscriptions, cancellation: cancellation)
            .WaitAsync(_options.AnswerTimeout, _services.Time, cancellation);
        int refused = Array.FindIndex(codes, code => code >= ReasonCode.UnspecifiedError);
        if (refused >= 0) throw new WireException($"The subscription to {subscriptions[refused].Filter} was refused: {codes[refused]}.");
    }

    private async Task PublishAsync(string topic, byte[] body, bool retain, CancellationToken cancellation)
    {
        var code = await _client.PublishAsync(topic, body, Qos.AtLeastOnce, retain, cancellation)
            .WaitAsync(_options.AnswerTimeout, _services.Time, cancellation);
        if (code >= ReasonCode.UnspecifiedError) throw new WireException($"{topic} was refused: {code}.");
    }

    /// <summary>Asks until there is an answer that is not merely "later"; every request is safe to repeat.</summary>
    private async Task<Answer> AskAsync(string topic, Func<string, byte[]> body, CancellationToken cancellation)
    {
        var backoff = new Backoff(_options.BackoffFirst, _options.BackoffCap, _random);
        for (int attempt = 1; ; attempt++)
        {
            var (token, waiting) = _answers.Expect();
            try
            {
                await PublishAsync(topic, body(token), retain: false, cancellation);
                var answer = await waiting.WaitAsync(_options.AnswerTimeout, _services.Time, cancellation);
                if (!answer.IsPassing || attempt == MaxAttempts) return answer;
            }
            catch (TimeoutException) when (attempt < MaxAttempts)
            {
                _services.Log.Unanswered(_options.ThingName, topic, attempt);
            }
            finally
            {
                _answers.Forget(token);
            }
            await Task.Delay(backoff.Next(), _services.Time, cancellation);
        }
    }

    private ValueTask OnMessage(IncomingMessage message)
    {
        if (!message.Topic.StartsWith(_topics.Prefix, StringComparison.Ordinal)) return ValueTask.CompletedTask;
        var rest = message.Topic.AsSpan(_topics.Prefix.Length);
        if (rest.StartsWith("streams/", StringComparison.Ordinal))
        {
            if (rest.Contains("/data/", StringComparison.Ordinal)) _stream?.OnData(message.Payload);
            else _stream?.OnRejected(message.Payload);
        }
        else if (rest.Equals("jobs/notify-next", StringComparison.Ordinal))
        {
            if (TryRead(message.Payload) is { } head) _onHead(head);
            else _services.Log.UnreadableNotification(_options.ThingName);
        }
        else
        {
            _answers.OnAnswer(rest.EndsWith("/accepted", StringComparison.Ordinal), message.Payload);
        }
        return ValueTask.CompletedTask;
    }

    private static HeadMessage? TryRead(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body.Span, JobJson.Default.HeadMessage);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static WireException Refused(string what, Answer answer) =>
        new($"{what} was rejected: {System.Text.Encoding.UTF8.GetString(answer.Body.Span)}");
}
