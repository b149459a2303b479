using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>One claim has leaked: what it takes is its own, and whoever else comes gets in. spec/security.md, 3.2 and 6.5.</summary>
public sealed class HostileClaimTests : IAsyncLifetime
{
    private const string Create = "$aws/certificates/create/json";
    private const int MaxSessions = 5;

    private FleetService _fleet = null!;
    private string _leakedFile = null!;
    private X509Certificate2 _leaked = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetService.Start(
            $"Fleet:Gateway:MaxSessionsPerClaim={MaxSessions}", "Fleet:Claims:MaxPending=8", "Fleet:Claims:CertificatesPerSecond=1000");
        _leakedFile = await _fleet.NewClaimFile("leaked");
        _leaked = await WireDevice.LoadClaim(_leakedFile);
    }

    public async ValueTask DisposeAsync()
    {
        _leaked.Dispose();
        await _fleet.DisposeAsync();
    }

    [Theory, InlineData(MqttVersion.V5), InlineData(MqttVersion.V311)]
    public async Task It_takes_few_sessions_and_devices_and_other_claims_come_in(MqttVersion version)
    {
        await using var before = await WireDevice.New(_fleet, "amr-0");
        List<WireDevice> held = [];
        for (int i = 0; i < MaxSessions; i++) held.Add(await WireDevice.Connect(Leaked($"leak-{i}", version)));
        for (int i = 0; i < 20; i++)
        {
            var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(Leaked($"more-{i}", version)));
            Assert.Equal(version == MqttVersion.V5 ? ReasonCode.QuotaExceeded : ReasonCode.ServerUnavailable, refused.ReasonCode);
        }
        // Another claim lets a device in, and the device comes in; so does the one that was there.
        await using var other = await WireDevice.New(_fleet, "amr-1");
        Assert.True(before.Client.IsConnected);
        await held[0].DisposeAsync();
        await Eventually.True(
            async () =>
            {
                try
                {
                    await (await WireDevice.Connect(Leaked("late", version))).DisposeAsync();
                    return true;
                }
                catch (MqttConnectRefusedException)
                {
                    return false;
                }
            },
            () => "the place of one that has gone is not given to another");
        foreach (var one in held) await one.DisposeAsync();
    }

    [Fact]
    public async Task Its_sessions_end_with_their_connections()
    {
        var persistent = Leaked("leak", MqttVersion.V5) with { CleanStart = false, SessionExpirySeconds = 604_800 };
        for (int i = 0; i < 2; i++)
        {
            await using var client = await WireDevice.Connect(persistent);
            Assert.Equal((0u, false), (client.Client.Connection.SessionExpirySeconds, client.Client.Connection.SessionPresent));
            await client.Client.SubscribeAsync($"{Create}/accepted", Qos.AtLeastOnce);
        }
        var old = Leaked("leak-311", MqttVersion.V311) with { CleanStart = false };
        for (int i = 0; i < 2; i++)
        {
            await using var client = await WireDevice.Connect(old);
            Assert.False(client.Client.Connection.SessionPresent);
        }
    }

    [Fact]
    public async Task It_makes_few_certificates_and_other_claims_go_on()
    {
        await using var leaked = await WireDevice.Connect(Leaked("leak", MqttVersion.V5));
        JsonNode? rejected = null;
        for (int made = 0; rejected is null; made++)
        {
            Assert.InRange(made, 0, 8);
            var (accepted, answer) = await leaked.Exchange(Create, "{}");
            if (!accepted) rejected = answer;
        }
        Assert.Equal((429, "ThrottlingException"), ((int)rejected["statusCode"]!, (string?)rejected["errorCode"]));
        await using var device = await WireDevice.New(_fleet, "amr-1");

        string id = (string)JsonNode.Parse(await File.ReadAllTextAsync(_leakedFile))!["certificateId"]!;
        var claim = await _fleet.Get($"claims/{id}");
        Assert.Equal((8, 8), ((int)claim["certificatesIssued"]!, (int)claim["certificatesPending"]!));
        var limited = await _fleet.Api(HttpMethod.Put, $"claims/{id}/limits", new JsonObject { ["maxCertificates"] = 8 });
        Assert.Equal(8, (int)limited["maxCertificates"]!);
        var never = await leaked.AskInVain(Create, "{}");
        Assert.Equal((403, "AccessDenied"), ((int)never["statusCode"]!, (string?)never["errorCode"]));
        await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile("another"), "amr-2");
    }

    [Fact]
    public async Task Nobody_speaks_for_a_thing_but_its_device()
    {
        await using var watcher = await WireDevice.Connect(Operator("watcher", _fleet.AdminToken));
        await watcher.Client.SubscribeAsync("$aws/events/presence/#", Qos.AtLeastOnce);
        await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
        await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(Operator("amr-1", "wrong")));
        await (await WireDevice.Connect(Operator("amr-1", _fleet.AdminToken))).DisposeAsync();
        await (await WireDevice.Connect(Leaked("amr-1", MqttVersion.V5))).DisposeAsync();
        await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(
            Leaked("amr-1", MqttVersion.V5) with { Will = new MqttWill(new MqttMessage { Topic = "fleet/amr-1/status" }) }));
        await (await WireDevice.Connect(Operator("last", _fleet.AdminToken))).DisposeAsync();

        List<string> topics = [];
        while (await watcher.Next(_ => true) is { Topic: var topic } && !topic.EndsWith("/last", StringComparison.Ordinal)) topics.Add(topic);
        Assert.True(topics.Count(topic => topic.EndsWith("/amr-1", StringComparison.Ordinal)) >= 4, string.Join('\n', topics));
        Assert.DoesNotContain(topics, topic => topic is "$aws/events/presence/connected/amr-1" or "$aws/events/presence/disconnected/amr-1"
            or "$aws/events/presence/connect_failed/amr-1");
        var device = await _fleet.Get("devices/amr-1");
        Assert.NotEqual("connected", (string?)device["connectivity"]);
    }

    private MqttClientOptions Leaked(string clientId, MqttVersion version) =>
        _fleet.ClientWith(_leaked, clientId) with { ProtocolVersion = version };

    private MqttClientOptions Operator(string clientId, string password) => new()
    {
        Host = "127.0.0.1",
        Port = _fleet.Http.Port,
        Transport = MqttTransport.WebSocket,
        ClientId = clientId,
        UserName = "ann",
        Password = Encoding.UTF8.GetBytes(password),
    };
}
