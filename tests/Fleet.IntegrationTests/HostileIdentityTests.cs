using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>Clients that would be somebody else, or more than they are: spec/security.md, 6.4 rows 19, 64, 65 and 6.5.</summary>
public sealed class HostileIdentityTests : IAsyncLifetime
{
    private const string Policy = """
        { "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" },
            { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": "topic/own/${iot:ClientId}/*" },
            { "Effect": "Allow", "Action": "iot:Subscribe", "Resource": "topicfilter/own/${iot:ClientId}/*" } ] }
        """;

    private FleetService _fleet = null!;
    private string _policyFile = null!;

    public async ValueTask InitializeAsync()
    {
        _policyFile = Path.GetTempFileName();
        await File.WriteAllTextAsync(_policyFile, Policy);
        _fleet = await FleetService.Start("Fleet:Gateway:PlainPort=0", $"Fleet:Gateway:PlainPolicyPath={_policyFile}");
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        File.Delete(_policyFile);
    }

    [Theory(DisplayName = "19 a client id is no pattern")]
    [InlineData(".*"), InlineData("*"), InlineData("?"), InlineData("+"), InlineData("#"), InlineData("${iot:ClientId}"), InlineData("a/b"), InlineData("v*")]
    public async Task A_client_id_is_no_pattern(string clientId)
    {
        await using var victim = await Join("victim");
        Assert.Equal(ReasonCode.GrantedQos1, await victim.Client.SubscribeAsync("own/victim/x", Qos.AtLeastOnce));
        WireDevice hostile;
        try
        {
            hostile = await Join(clientId);
        }
        catch (MqttConnectRefusedException refused)
        {
            Assert.Contains(refused.ReasonCode, new[] { ReasonCode.ClientIdentifierNotValid, ReasonCode.NotAuthorized });
            return;
        }
        await using (hostile)
        {
            Assert.Equal(ReasonCode.NotAuthorized, await hostile.Client.PublishAsync("own/victim/x", default, Qos.AtLeastOnce));
            foreach (string filter in (string[])["own/victim/x", "own/+/x", "own/victim/#", "own/#", "#"])
                Assert.True(await hostile.Client.SubscribeAsync(filter, Qos.AtLeastOnce) >= ReasonCode.UnspecifiedError, filter);
        }
    }

    [Fact(DisplayName = "6.5 a device that uses the id of another is refused")]
    public async Task A_client_id_belongs_to_its_certificate()
    {
        await using var owner = await WireDevice.New(_fleet, "amr-1");
        var certificate = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-2");
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1")));
        Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
        Assert.True(owner.Client.IsConnected);
    }

    [Fact(DisplayName = "64 a device's will on another's topic is refused with CONNECT, and 6.5 nothing but its own topics is open to it")]
    public async Task A_device_reaches_its_own_topics()
    {
        var certificate = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
        var will = new MqttWill(new MqttMessage { Topic = "fleet/amr-2/status", Payload = "x"u8.ToArray() });
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(
            () => WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1") with { Will = will }));
        Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
        await using var device = await WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1"));
        foreach (string filter in (string[])["#", "+/#", "fleet/#", "fleet/+/x", "$share/g/#", "$share/g/fleet/amr-2/#", "$aws/things/+/shadow/#", "$SYS/#"])
            Assert.Equal(ReasonCode.NotAuthorized, await device.Client.SubscribeAsync(filter, Qos.AtLeastOnce));
        foreach (string topic in (string[])["fleet/amr-2/x", "$aws/things/amr-2/jobs/get", "$aws/events/presence/connected/amr-1", "$aws/certificates/create/json"])
            Assert.Equal(ReasonCode.NotAuthorized, await device.Client.PublishAsync(topic, "{}"u8.ToArray(), Qos.AtLeastOnce));
    }

    [Fact(DisplayName = "65 what was subscribed before the revocation brings nothing after it")]
    public async Task A_revoked_certificate_hears_nothing_more()
    {
        string claimFile = await _fleet.NewClaimFile();
        string id = (string)JsonNode.Parse(await File.ReadAllTextAsync(claimFile))!["certificateId"]!;
        var options = _fleet.ClientWith(await WireDevice.LoadClaim(claimFile), "enrol-1");
        await using var claim = await WireDevice.Connect(options);
        await claim.Ask("$aws/certificates/create/json", new JsonObject());
        await _fleet.Api(HttpMethod.Delete, $"claims/{id}");
        await Assert.ThrowsAnyAsync<Exception>(() => claim.Ask("$aws/certificates/create/json", new JsonObject()));
        Assert.False(claim.Client.IsConnected);
        await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(options));
    }

    private Task<WireDevice> Join(string clientId) =>
        WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = _fleet.PlainPort, ClientId = clientId });
}
