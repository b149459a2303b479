using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>Who is let in, and who is not.</summary>
public sealed class ProvisioningTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_device_gets_its_own_certificate_for_one_year_and_is_seen()
    {
        var certificate = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
        Assert.InRange((certificate.NotAfter - certificate.NotBefore).TotalDays, 364, 367);
        await using (await WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1")))
        {
            await Connectivity("amr-1", "connected");
        }
        await Connectivity("amr-1", "disconnected");
    }

    [Fact]
    public async Task Create_makes_the_key_for_devices_that_cannot()
    {
        await using var claim = await Claim();
        var issued = await claim.Ask("$aws/certificates/create/json", new JsonObject());
        using var certificate = X509Certificate2.CreateFromPem((string)issued["certificatePem"]!, (string)issued["privateKey"]!);
        Assert.Equal(certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant(), (string?)issued["certificateId"]);
    }

    [Fact]
    public async Task A_claim_session_can_touch_nothing_but_provisioning()
    {
        await using var claim = await Claim();
        Assert.Equal(ReasonCode.NotAuthorized, await claim.Client.PublishAsync("fleet/amr-1/heartbeat", default, Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await claim.Client.PublishAsync("$aws/things/amr-1/jobs/get", "{}"u8.ToArray(), Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await claim.Client.SubscribeAsync("fleet/#", Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await claim.Client.SubscribeAsync("$aws/things/+/jobs/#", Qos.AtLeastOnce));
    }

    [Fact]
    public async Task A_pending_certificate_does_not_open_the_door()
    {
        await using var claim = await Claim();
        var issued = await claim.Ask("$aws/certificates/create/json", new JsonObject());
        using var certificate = X509Certificate2.CreateFromPem((string)issued["certificatePem"]!, (string)issued["privateKey"]!);
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1")));
        Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
    }

    [Fact]
    public async Task An_ownership_token_is_good_once_and_must_be_real()
    {
        await using var claim = await Claim();
        var rejected = await claim.AskInVain("$aws/provisioning-templates/fleet/provision/json",
            """{"certificateOwnershipToken":"nonsense","parameters":{"ThingName":"amr-1","Model":"amr"}}""");
        Assert.Equal(400, (int)rejected["statusCode"]!);
        Assert.Equal("InvalidCertificateOwnershipToken", (string?)rejected["errorCode"]);
        var csr = await claim.AskInVain("$aws/certificates/create-from-csr/json", """{"certificateSigningRequest":"nonsense"}""");
        Assert.Equal("InvalidCsr", (string?)csr["errorCode"]);
    }

    [Fact]
    public async Task A_device_s_client_id_is_its_thing_name()
    {
        var certificate = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
        await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(_fleet.ClientWith(certificate, "amr-2")));
    }

    [Fact]
    public async Task Another_claim_cannot_take_over_a_device()
    {
        await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), "amr-1");
        string stranger = await _fleet.NewClaimFile("stranger");
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => WireDevice.Enrol(_fleet, stranger, "amr-1"));
        await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile("spare part", thing: "amr-1"), "amr-1");
    }

    [Theory, InlineData("foreign"), InlineData("expired"), InlineData("unknown")]
    public async Task A_certificate_that_is_not_ours_or_no_longer_good_is_refused(string kind)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=amr-1", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var ca = X509Certificate2.CreateFromPemFile(_fleet.CaCertificateFile, Path.ChangeExtension(_fleet.CaCertificateFile, ".key"));
        using var certificate = kind switch
        {
            "foreign" => request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1)),
            "expired" => request.Create(ca, ca.NotBefore, now.AddSeconds(-1), [1, 2, 3]).CopyWithPrivateKey(key),
            _ => request.Create(ca, ca.NotBefore, now.AddDays(1), [1, 2, 3]).CopyWithPrivateKey(key),
        };
        await Assert.ThrowsAnyAsync<Exception>(() => WireDevice.Connect(_fleet.ClientWith(certificate, "amr-1")));
        await using var door = await Claim();
        Assert.True(door.Client.IsConnected);
    }

    [Fact]
    public async Task A_revoked_claim_lets_nobody_in()
    {
        string file = await _fleet.NewClaimFile();
        string id = (string)JsonNode.Parse(await File.ReadAllTextAsync(file))!["certificateId"]!;
        await _fleet.Api(HttpMethod.Delete, $"claims/{id}");
        var certificate = await WireDevice.LoadClaim(file);
        await Assert.ThrowsAsync<MqttConnectRefusedException>(() => WireDevice.Connect(_fleet.ClientWith(certificate, "x")));
    }

    private async Task<WireDevice> Claim() =>
        await WireDevice.Connect(_fleet.ClientWith(await WireDevice.LoadClaim(await _fleet.NewClaimFile()), "claim-x"));

    private async Task Connectivity(string thing, string expected)
    {
        string? seen = null;
        await Eventually.True(async () => (seen = (string?)(await _fleet.Get($"devices/{thing}"))["connectivity"]) == expected, () => $"{thing} is {seen}");
    }
}
