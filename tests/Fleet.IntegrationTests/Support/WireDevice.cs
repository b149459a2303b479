using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Support;

/// <summary>One MQTT connection in a test's hands: what it receives waits in a queue.</summary>
public sealed class WireDevice : IAsyncDisposable
{
    private readonly Channel<IncomingMessage> _inbox;

    private WireDevice(MqttClient client, Channel<IncomingMessage> inbox) => (Client, _inbox) = (client, inbox);

    public MqttClient Client { get; }

    public static async Task<WireDevice> Connect(MqttClientOptions options)
    {
        var inbox = Channel.CreateUnbounded<IncomingMessage>();
        var client = await MqttClient.ConnectAsync(options with { OnMessage = m => inbox.Writer.WriteAsync(m) });
        _ = client.Closed.ContinueWith(_ => inbox.Writer.TryComplete(), TaskScheduler.Default);
        return new WireDevice(client, inbox);
    }

    /// <summary>Lets a new device in by its claim, as spec/aws-iot-topics.md section 4 has it, and returns its certificate with its key.</summary>
    public static async Task<X509Certificate2> Enrol(FleetService fleet, string claimFile, string thing, string model = "amr")
    {
        await using var claim = await Connect(fleet.ClientWith(await LoadClaim(claimFile), $"enrol-{thing}"));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string csr = new CertificateRequest($"CN={thing}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var issued = await claim.Ask("$aws/certificates/create-from-csr/json", new JsonObject { ["certificateSigningRequest"] = csr });
        await claim.Ask("$aws/provisioning-templates/fleet/provision/json", new JsonObject
        {
            ["certificateOwnershipToken"] = (string)issued["certificateOwnershipToken"]!,
            ["parameters"] = new JsonObject { ["ThingName"] = thing, ["Model"] = model },
        });
        using var certificate = X509Certificate2.CreateFromPem((string)issued["certificatePem"]!);
        return certificate.CopyWithPrivateKey(key);
    }

    public static async Task<X509Certificate2> LoadClaim(string claimFile)
    {
        var claim = JsonNode.Parse(await File.ReadAllTextAsync(claimFile))!;
        return X509Certificate2.CreateFromPem((string)claim["certificatePem"]!, (string)claim["privateKey"]!);
    }

    /// <summary>Enrols a new device and connects as it.</summary>
    public static async Task<WireDevice> New(FleetService fleet, string thing, string model = "amr")
    {
        var certificate = await Enrol(fleet, await fleet.NewClaimFile(), thing, model);
        return await Connect(fleet.ClientWith(certificate, thing));
    }

    /// <summary>A request and its accepted answer, as the AWS SDKs do it: subscribe to both answers, publish, wait.</summary>
    public async Task<JsonNode> Ask(string topic, JsonNode request)
    {
        var (accepted, answer) = await Exchange(topic, request.ToJsonString());
        Assert.True(accepted, $"{topic} was rejected: {answer}");
        return answer;
    }

    /// <summary>A request that must be rejected.</summary>
    public async Task<JsonNode> AskInVain(string topic, string request)
    {
        var (accepted, answer) = await Exchange(topic, request);
        Assert.False(accepted, $"{topic} was accepted: {answer}");
        return answer;
    }

    /// <summary>The next message on a topic; what came before it on others is let go.</summary>
    public async Task<IncomingMessage> Next(Func<string, bool> topic)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience);
        await foreach (var message in _inbox.Reader.ReadAllAsync(patience.Token))
        {
            if (topic(message.Topic)) return message;
        }
        throw new InvalidOperationException("The connection ended.");
    }

    public async ValueTask DisposeAsync() => await Client.DisposeAsync();

    /// <summary>A request and its answer, whichever it is.</summary>
    public async Task<(bool Accepted, JsonNode Answer)> Exchange(string topic, string request)
    {
        await Client.SubscribeAsync([new Subscription($"{topic}/accepted", Qos.AtLeastOnce), new Subscription($"{topic}/rejected", Qos.AtLeastOnce)]);
        Assert.Equal(ReasonCode.Success, await Client.PublishAsync(topic, Encoding.UTF8.GetBytes(request), Qos.AtLeastOnce));
        var message = await Next(t => t == $"{topic}/accepted" || t == $"{topic}/rejected");
        return (message.Topic.EndsWith("/accepted", StringComparison.Ordinal), JsonNode.Parse(message.Payload.Span)!);
    }
}
