using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.Mqtt;

namespace Fleet.DeviceSim.Agent;

/// <summary>Lets a device in: with a claim certificate it asks for a certificate of its own and for its place in the registry.</summary>
internal sealed class Provisioner(AgentOptions options, Server server, AgentServices services)
{
    private TaskCompletionSource<(bool Accepted, ReadOnlyMemory<byte> Body)> _answer = new();
    private string _asked = "";

    /// <exception cref="WireException">The service refused, or what it gave is not to be trusted.</exception>
    public async Task<DeviceIdentity> RunAsync(CancellationToken cancellation)
    {
        await using var client = await MqttClient.ConnectAsync(new MqttClientOptions
        {
            Host = server.Host,
            Port = server.Port,
            Transport = MqttTransport.Tls,
            Tls = services.ClaimTls(options.ThingName),
            OpenStream = services.OpenStream,
            ClientId = options.ThingName,
            OnMessage = Answered,
            TimeProvider = services.Time,
        }, cancellation);
        services.Counters.Connected();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var created = options.MakesOwnKey
            ? await AskAsync(client, "$aws/certificates/create-from-csr/json", new CsrRequest(SigningRequest(key)),
                ProvisioningJson.Default.CsrRequest, ProvisioningJson.Default.CreateAccepted, cancellation)
            : await AskAsync(
                client, "$aws/certificates/create/json", null, ProvisioningJson.Default.CsrRequest, ProvisioningJson.Default.CreateAccepted,
                cancellation);
        var registered = await AskAsync(client, $"$aws/provisioning-templates/{options.Template}/provision/json",
            new RegisterRequest(created.CertificateOwnershipToken, Parameters()),
            ProvisioningJson.Default.RegisterRequest, ProvisioningJson.Default.RegisterAccepted, cancellation);
        return Identity(created, options.MakesOwnKey ? key.ExportPkcs8PrivateKeyPem() : created.PrivateKey, registered);
    }

    private string SigningRequest(ECDsa key) =>
        new CertificateRequest($"CN={options.ThingName}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    private ImmutableSortedDictionary<string, string> Parameters() =>
        options.Attributes.SetItem("ThingName", options.ThingName).SetItem("Model", options.Model);

    /// <summary>Checks what came before anything of it is stored: the key fits, and the firmware signer is one of ours.</summary>
    private DeviceIdentity Identity(CreateAccepted created, string? keyPem, RegisterAccepted registered)
    {
        if (registered.ThingName != options.ThingName)
            throw new WireException($"The service registered {registered.ThingName}, not {options.ThingName}.");
        if (registered.DeviceConfiguration?.GetValueOrDefault("firmwareSigner") is not { } signer)
            throw new WireException("The device configuration names no firmwareSigner.");
        services.Ca.VerifiedSigner(signer);
        var identity = new DeviceIdentity(created.CertificatePem, keyPem ?? "", new DeviceConfiguration(options.ThingName, signer));
        try
        {
            identity.Certificate().Dispose();
        }
        catch (CryptographicException e)
        {
            throw new WireException("The certificate does not fit the device's key.", e);
        }
        return identity;
    }

    private async Task<TAnswer> AskAsync<TRequest, TAnswer>(
        MqttClient client, string topic, TRequest? request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellation)
        where TRequest : class
    {
        (_answer, _asked) = (new(TaskCreationOptions.RunContinuationsAsynchronously), topic);
        Subscription[] answers = [new(topic + "/accepted", Qos.AtLeastOnce), new(topic + "/rejected", Qos.AtLeastOnce)];
        var codes = await client.SubscribeAsync(answers, cancellation: cancellation)
            .WaitAsync(options.AnswerTimeout, services.Time, cancellation);
        foreach (var code in codes)
        {
            if (code >= ReasonCode.UnspecifiedError) throw new WireException($"The claim may not use {topic}: {code}.");
        }
        var body = request is null ? "{}"u8.ToArray() : JsonSerializer.SerializeToUtf8Bytes(request, requestType);
        var published = await client.PublishAsync(topic, body, Qos.AtLeastOnce, cancellation: cancellation)
            .WaitAsync(options.AnswerTimeout, services.Time, cancellation);
        if (published >= ReasonCode.UnspecifiedError) throw new WireException($"{topic} was refused: {published}.");
        // Whichever comes first: an answer, the end of the connection, or the end of patience.
        var lost = await Task.WhenAny(_answer.Task, client.Closed)
            .WaitAsync(options.AnswerTimeout, services.Time, cancellation) != _answer.Task;
        if (lost) throw new WireException($"The connection ended before {topic} was answered.");
        var (accepted, answer) = await _answer.Task;
        try
        {
            if (!accepted) throw Refused(topic, JsonSerializer.Deserialize(answer.Span, ProvisioningJson.Default.ProvisioningRejection));
            return JsonSerializer.Deserialize(answer.Span, answerType) ?? throw new WireException($"{topic} was answered with nothing.");
        }
        catch (JsonException e)
        {
            throw new WireException($"The answer of {topic} cannot be read.", e);
        }
    }

    private static WireException Refused(string topic, ProvisioningRejection? rejection) =>
        new($"{topic} was rejected: {rejection?.StatusCode} {rejection?.ErrorCode} {rejection?.ErrorMessage}".TrimEnd());

    private ValueTask Answered(IncomingMessage message)
    {
        if (message.Topic.StartsWith(_asked, StringComparison.Ordinal))
            _answer.TrySetResult((message.Topic.EndsWith("/accepted", StringComparison.Ordinal), message.Payload));
        return ValueTask.CompletedTask;
    }
}
