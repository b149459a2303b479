using Fleet.Grains.Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using static Fleet.UnitTests.Certificates.Certificates;

namespace Fleet.UnitTests.Certificates;

public sealed class ProvisioningCoreTests
{
    private static readonly CertificateView Claim = View(CertificateKind.Claim, CertificateStatus.Active);

    [Fact]
    public void Parameters_become_thing_model_and_attributes()
    {
        var (order, rejection) = Read(Claim, "ThingName=amr-1", "Model=amr", "Site=Tokyo", "Serial.No=42");
        Assert.Null(rejection);
        Assert.Equal((Thing("amr-1"), "amr", Id().Value, false),
            (order!.Thing, order.Registration.Model.Value, order.Registration.RegisteredBy, order.Registration.Bound));
        Assert.Equal([new("serial.no", "42"), new("site", "Tokyo")], order.Registration.Attributes);
    }

    [Fact]
    public void A_claim_for_one_thing_provisions_that_thing_alone()
    {
        var bound = Claim with { Thing = Thing("amr-1") };
        Assert.True(Read(bound, "ThingName=amr-1", "Model=amr").Order!.Registration.Bound);
        AssertRejected(403, "AccessDenied", Read(bound, "ThingName=amr-2", "Model=amr"));
    }

    [Theory]
    [InlineData(new[] { "Model=amr" }, "ThingName")]
    [InlineData(new[] { "ThingName=amr-1" }, "Model")]
    [InlineData(new[] { "ThingName=", "Model=amr" }, "ThingName")]
    [InlineData(new[] { "ThingName=a/b", "Model=amr" }, "ThingName")]
    [InlineData(new[] { "ThingName=amr-1", "Model=a b" }, "Model")]
    [InlineData(new[] { "ThingName=amr-1", "Model=amr", "Site=" }, "Site")]
    [InlineData(new[] { "ThingName=amr-1", "Model=amr", "sp ace=x" }, "a-z")]
    [InlineData(new[] { "ThingName=amr-1", "Model=amr", "Site=x", "site=y" }, "'site'")]
    public void A_wrong_parameter_is_named(string[] parameters, string named)
    {
        var rejected = AssertRejected(400, "InvalidParameters", Read(Claim, parameters));
        Assert.Contains(named, rejected.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_are_bounded()
    {
        string[] fifty = [.. Enumerable.Range(0, 50).Select(i => $"a{i}={new string('v', 256)}")];
        Assert.NotNull(Read(Claim, ["ThingName=amr-1", "Model=amr", .. fifty]).Order);
        AssertRejected(400, "InvalidParameters", Read(Claim, ["ThingName=amr-1", "Model=amr", .. fifty, "more=1"]));
        AssertRejected(400, "InvalidParameters", Read(Claim, "ThingName=amr-1", "Model=amr", $"{new string('n', 65)}=1"));
        AssertRejected(400, "InvalidParameters", Read(Claim, "ThingName=amr-1", "Model=amr", $"n={new string('v', 257)}"));
    }

    [Fact]
    public void An_empty_token_is_said_to_be_empty()
    {
        var rejected = AssertRejected(400, "InvalidCertificateOwnershipToken", ProvisioningCore.Read("fleet", Request("", "ThingName=amr-1", "Model=amr"), Claim, Noon));
        Assert.Equal("Certificate ownership token cannot be empty", rejected.Message);
    }

    [Fact]
    public void There_is_one_template() =>
        AssertRejected(404, "ResourceNotFound", ProvisioningCore.Read("other", Request("t", "ThingName=amr-1", "Model=amr"), Claim, Noon));

    [Fact]
    public void Only_an_active_claim_for_this_template_provisions()
    {
        CertificateView?[] unfit =
        [
            null,
            View(CertificateKind.Device, CertificateStatus.Active),
            Claim with { Status = CertificateStatus.Revoked },
            Claim with { Status = CertificateStatus.Inactive },
            Claim with { NotAfter = Noon.AddSeconds(-1) },
            Claim with { NotBefore = Noon.AddSeconds(1) },
            Claim with { Template = "other" },
        ];
        foreach (var claim in unfit) AssertRejected(403, "AccessDenied", Read(claim, "ThingName=amr-1", "Model=amr"));
    }

    [Fact]
    public void What_the_device_grain_says_has_its_code()
    {
        Assert.Null(ProvisioningCore.Judge(new RegisterDeviceResult.Registered(Created: true)));
        Assert.Null(ProvisioningCore.Judge(new RegisterDeviceResult.Registered(Created: false)));
        Assert.Equal((409, "ResourceConflict"), Code(ProvisioningCore.Judge(new RegisterDeviceResult.Conflict("model", "is another"))));
        Assert.Equal((403, "AccessDenied"), Code(ProvisioningCore.Judge(new RegisterDeviceResult.Conflict("thing", "is another's"))));
        Assert.Equal((400, "InvalidParameters"), Code(ProvisioningCore.Judge(new RegisterDeviceResult.Invalid("attributes", "too many"))));
    }

    private static (int, string) Code(ProvisionResult.Rejected? rejected) => (rejected!.StatusCode, rejected.ErrorCode);

    private static ProvisionResult.Rejected AssertRejected(int status, string code, (ProvisioningOrder? Order, ProvisionResult.Rejected? Rejection) result)
    {
        Assert.Null(result.Order);
        Assert.Equal((status, code), Code(result.Rejection));
        return result.Rejection!;
    }

    private static (ProvisioningOrder? Order, ProvisionResult.Rejected? Rejection) Read(CertificateView? claim, params string[] parameters) =>
        ProvisioningCore.Read("fleet", Request("token", parameters), claim, Noon);

    private static ProvisionRequest Request(string token, params string[] parameters) =>
        new(token, parameters.Select(p => p.Split('=', 2)).ToImmutableSortedDictionary(p => p[0], p => p[1], StringComparer.Ordinal), Id());
}
