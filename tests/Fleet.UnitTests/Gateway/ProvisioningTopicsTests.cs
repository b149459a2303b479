using System.Formats.Cbor;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Gateway;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Policies;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Shadows;

namespace Fleet.UnitTests.Gateway;

/// <summary>spec/aws-iot-topics.md, section 4, and the shadow requests of section 1 that are refused here.</summary>
public sealed class ProvisioningTopicsTests
{
    private static readonly string Id = new('b', 64);

    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly TestClient _claim;

    public ProvisioningTopicsTests() => _claim = TestClient.Connected(
        _parts, GatewayParts.Identity(SessionKind.Claim, "c", BuiltInPolicies.Claim, certificate: Id, template: "fleet"));

    [Fact]
    public async Task A_CSR_becomes_a_certificate_with_a_token()
    {
        Issue("IssueFromCsr");
        Assert.Equal(
            "$aws/certificates/create-from-csr/json/accepted="
            + $$"""{"certificateId":"{{Id}}","certificatePem":"PEM","certificateOwnershipToken":"token"}""",
            await Ask("$aws/certificates/create-from-csr/json", """{"certificateSigningRequest":"CSR"}"""));
    }

    [Fact]
    public async Task Create_returns_the_key_to_the_requester_alone_also_in_cbor()
    {
        Issue("IssueWithNewKey", "KEY");
        var another = TestClient.Connected(
            _parts, GatewayParts.Identity(SessionKind.Claim, "d", BuiltInPolicies.Claim, certificate: Id, template: "fleet"));
        another.Subscribed("$aws/certificates/create/+/accepted");
        Assert.Contains("\"privateKey\":\"KEY\"", await Ask("$aws/certificates/create/json", "{}"), StringComparison.Ordinal);
        Assert.Contains("privateKeycKEY", await Ask("$aws/certificates/create/cbor", ""), StringComparison.Ordinal);
        Assert.Empty(another.ReadMessages());
    }

    [Fact]
    public async Task Register_passes_token_parameters_and_claim_on_and_always_answers_with_both_members()
    {
        ProvisionRequest? request = null;
        Assert.True(ThingName.TryParse("amr-1", out var thing));
        _grains.On<IProvisioningTemplateGrain>("Provision", (key, arguments) =>
        {
            Assert.Equal("fleet", key);
            request = (ProvisionRequest)arguments[0]!;
            return Task.FromResult<ProvisionResult>(
                new ProvisionResult.Provisioned(thing, ImmutableSortedDictionary<string, string>.Empty));
        });
        Assert.Equal(
            """$aws/provisioning-templates/fleet/provision/json/accepted={"deviceConfiguration":{},"thingName":"amr-1"}""",
            await Ask("$aws/provisioning-templates/fleet/provision/json",
                """{"certificateOwnershipToken":"t","parameters":{"ThingName":"amr-1","Model":"amr"}}"""));
        Assert.Equal(("t", "amr", Id), (request!.OwnershipToken, request.Parameters["Model"], request.Claim.Value));

        var cbor = new CborWriter();
        cbor.WriteStartMap(2);
        cbor.WriteTextString("certificateOwnershipToken");
        cbor.WriteTextString("u");
        cbor.WriteTextString("parameters");
        cbor.WriteStartMap(1);
        cbor.WriteTextString("ThingName");
        cbor.WriteTextString("amr-2");
        cbor.WriteEndMap();
        cbor.WriteEndMap();
        await Ask("$aws/provisioning-templates/fleet/provision/cbor", cbor.Encode());
        Assert.Equal(("u", "amr-2"), (request.OwnershipToken, request.Parameters["ThingName"]));
    }

    [Theory]
    [InlineData("$aws/certificates/create-from-csr/json", "{}", 400, "InvalidCsr")]
    [InlineData("$aws/provisioning-templates/fleet/provision/json", """{"certificateOwnershipToken":"t","parameters":{"ThingName":"a\u0000"}}""", 400, "InvalidPayload")]
    [InlineData("$aws/provisioning-templates/fleet/provision/json", """{"certificateOwnershipToken":"t","parameters":{"a\u0000":"x"}}""", 400, "InvalidPayload")]
    [InlineData("$aws/certificates/create-from-csr/json", "nonsense", 400, "InvalidPayload")]
    [InlineData("$aws/provisioning-templates/fleet/provision/json", """{"parameters":{}}""", 400, "InvalidCertificateOwnershipToken")]
    public async Task A_bad_request_is_told(string topic, string body, int status, string code)
    {
        string answer = await Ask(topic, body);
        Assert.StartsWith($"{topic}/rejected=", answer, StringComparison.Ordinal);
        var json = JsonNode.Parse(answer[(answer.IndexOf('=', StringComparison.Ordinal) + 1)..])!;
        Assert.Equal((status, code), ((int)json["statusCode"]!, (string?)json["errorCode"]));
        Assert.Empty(_grains.Calls);
    }

    [Theory, InlineData(true, 429, "ThrottlingException"), InlineData(false, 403, "AccessDenied")]
    public async Task A_claim_that_may_have_no_more_is_told_so(bool later, int status, string code)
    {
        IssueCertificateResult refused = later ? new IssueCertificateResult.Throttled("Later.") : new IssueCertificateResult.Denied("Never.");
        _grains.On<ICertificateAuthorityGrain>("IssueWithNewKey", (_, _) => Task.FromResult(refused));
        Assert.Equal(
            "$aws/certificates/create/json/rejected="
            + $"{{\"statusCode\":{status},\"errorCode\":\"{code}\",\"errorMessage\":\"{(later ? "Later." : "Never.")}\"}}",
            await Ask("$aws/certificates/create/json", "{}"));
    }

    [Fact]
    public async Task Only_a_claim_may_ask()
    {
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        Assert.Contains("AccessDenied", await Ask("$aws/certificates/create/json", ""u8.ToArray(), device), StringComparison.Ordinal);
        Assert.Empty(_grains.Calls);
    }

    [Theory]
    [InlineData("$aws/things/amr-1/shadow/delete", "Deleting a shadow is not supported yet.")]
    [InlineData("$aws/things/amr-1/shadow/name/n/get", "Named shadows are not supported yet.")]
    public async Task What_shadows_do_not_offer_yet_is_rejected_in_words(string topic, string message)
    {
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        device.Subscribed($"{topic}/rejected");
        await Handle(new ShadowTopics(_grains, _parts.Broker, _parts.Clock), topic, """{"clientToken":"t"}"""u8.ToArray(), device);
        Assert.Equal($$"""{{topic}}/rejected={"code":400,"message":"{{message}}","timestamp":1767268800,"clientToken":"t"}""",
            Assert.Single(device.ReadMessages()));
    }

    [Fact]
    public async Task Shadow_answers_are_ordinary_messages_in_the_grain_s_order()
    {
        const string Topic = "$aws/things/amr-1/shadow/update";
        _grains.On<IShadowGrain>("Update", (key, _) => Task.FromResult<ImmutableArray<TopicMessage>>(
            [new($"{Topic}/delta", "1"u8.ToArray()), new($"{Topic}/documents", "2"u8.ToArray()),
            new($"{Topic}/accepted", "3"u8.ToArray())]));
        var device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
        device.Subscribed($"{Topic}/#");
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "o", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/things/+/shadow/update/accepted");
        await Handle(new ShadowTopics(_grains, _parts.Broker, _parts.Clock), Topic, "{}"u8.ToArray(), device);
        Assert.Equal([$"{Topic}/delta=1", $"{Topic}/documents=2", $"{Topic}/accepted=3"], device.ReadMessages());
        Assert.Equal([$"{Topic}/accepted=3"], watcher.ReadMessages());
    }

    private Task<string> Ask(string topic, string body) => Ask(topic, Encoding.UTF8.GetBytes(body));

    private async Task<string> Ask(string topic, byte[] body, TestClient? who = null)
    {
        who ??= _claim;
        IRequestHandler handler = topic.Contains("templates", StringComparison.Ordinal)
            ? new ProvisioningTopics(_grains) : new CertificateTopics(_grains);
        await Handle(handler, topic, body, who);
        return Assert.Single(who.ReadMessages());
    }

    private static async Task Handle(IRequestHandler handler, string topic, byte[] body, TestClient who)
    {
        Assert.True(ReservedTopic.TryParse(Encoding.UTF8.GetBytes(topic), out var reserved));
        Assert.Equal(handler.Family, reserved.Family);
        await handler.Handle(
            new ReservedRequest(reserved, body), new Requester(who.Session, who.Session.Identity, who, () => Task.CompletedTask));
    }

    private void Issue(string method, string? key = null)
    {
        Assert.True(CertificateId.TryParse(Id, out var id));
        _grains.On<ICertificateAuthorityGrain>(method, (_, _) =>
            Task.FromResult<IssueCertificateResult>(new IssueCertificateResult.Issued(id, "PEM", "token", key)));
    }
}
