using Fleet.Gateway;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>A claim's sessions are few, and end with their connections, whatever its client asks for.</summary>
public sealed class ClaimSessionsTests
{
    private const string Connect5WithExpiry = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 0E 10 00 01 63";
    private const string Connect311Persistent = "10 0D 00 04 4D 51 54 54 04 00 00 3C 00 01 63";

    private readonly GatewayParts _parts = new(settings =>
    {
        settings.Claims.MaxSessionsPerClaim = 3;
        settings.Channels.MaxClaimPublishesPerSecond = 1;
    });

    [Fact]
    public void A_claim_that_has_all_its_sessions_holds_up_no_other()
    {
        for (int i = 0; i < 3; i++) Assert.True(_parts.Claims.TryEnter(Id('a'), $"c-{i}"));
        Assert.False(_parts.Claims.TryEnter(Id('a'), "c-3"));
        Assert.True(_parts.Claims.TryEnter(Id('b'), "c-3"));
        _parts.Claims.Leave(Id('a'), "c-1");
        Assert.True(_parts.Claims.TryEnter(Id('a'), "c-3"));
        Assert.False(_parts.Claims.TryEnter(Id('a'), "c-1"));
    }

    [Fact]
    public void A_client_that_comes_again_takes_its_own_place()
    {
        for (int i = 0; i < 3; i++) Assert.True(_parts.Claims.TryEnter(Id('a'), $"c-{i}"));
        Assert.True(_parts.Claims.TryEnter(Id('a'), "c-0"));
        _parts.Claims.Leave(Id('a'), "c-0");
        Assert.False(_parts.Claims.TryEnter(Id('a'), "c-3"));
        _parts.Claims.Leave(Id('a'), "c-0");
        Assert.True(_parts.Claims.TryEnter(Id('a'), "c-3"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public void Its_session_ends_with_its_connection(bool is5)
    {
        var identity = Claim();
        var client = new TestClient(_parts);
        client.Send(is5 ? Connect5WithExpiry : Connect311Persistent);
        client.Accept(identity);
        // Session Expiry Interval 0 in CONNACK: the server grants less than was asked for [MQTT-3.2.2.3.2].
        if (is5) Assert.Contains("11 00 00 00 00", client.ReadHex(), StringComparison.Ordinal);
        Assert.Equal(0u, client.Session.ExpirySeconds);
        Assert.Null(client.Session.Stored);
        client.Send("E0 00");
        Assert.Null(_parts.Directory.Find(identity.Key));
    }

    [Theory, InlineData(true), InlineData(false)]
    public void A_device_s_session_stays(bool is5)
    {
        var device = GatewayParts.Device("c");
        var client = TestClient.Connected(
            _parts, device, is5 ? MqttVersion.V5 : MqttVersion.V311, is5 ? Connect5WithExpiry : Connect311Persistent);
        client.Send("E0 00");
        Assert.NotNull(_parts.Directory.Find(device.Key));
    }

    [Fact]
    public void It_asks_slowly_while_a_device_may_be_quick()
    {
        var (claim, device) = (TestClient.Connected(_parts, Claim()), TestClient.Connected(_parts, GatewayParts.Device("d")));
        for (int i = 0; i < 5; i++)
        {
            claim.Publish("$aws/certificates/create/json", "{}");
            device.Publish("fleet/d/x");
        }
        Assert.Contains(claim.Effects, effect => effect is Fleet.Gateway.Channels.ChannelEffect.Pause);
        Assert.DoesNotContain(device.Effects, effect => effect is Fleet.Gateway.Channels.ChannelEffect.Pause);
    }

    private static SessionIdentity Claim() =>
        GatewayParts.Identity(SessionKind.Claim, "c", BuiltInPolicies.Claim, certificate: new string('a', 64), template: "fleet");

    private static CertificateId Id(char digit) =>
        CertificateId.TryParse(new string(digit, 64), out var id) ? id : throw new ArgumentException($"{digit}");
}
