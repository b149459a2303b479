using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;

namespace Fleet.UnitTests.Certificates;

/// <summary>From claim to active certificate, with the real grains.</summary>
public sealed class ProvisioningGrainTests : IAsyncLifetime
{
    private FleetUnderTest _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetUnderTest.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_device_is_registered_and_its_certificate_active()
    {
        var claim = await _fleet.NewClaim();
        var issued = await _fleet.NewCertificate(claim);
        var provisioned = Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, issued.OwnershipToken, "amr-1"));
        Assert.Equal(Certificates.Thing("amr-1"), provisioned.Thing);
        Assert.Equal(_fleet.Pki.FirmwareSigner.CertificatePem, provisioned.DeviceConfiguration["firmwareSigner"]);

        var view = await _fleet.Certificate(issued.CertificateId).Get();
        Assert.Equal((CertificateStatus.Active, Certificates.Thing("amr-1")), (view!.Status, view.Thing));
        Assert.Equal("amr", (await _fleet.Grains.GetGrain<IDeviceGrain>("amr-1").Get())!.Model.Value);
    }

    [Fact]
    public async Task A_repeat_answers_as_the_first_did()
    {
        var claim = await _fleet.NewClaim();
        var token = (await _fleet.NewCertificate(claim)).OwnershipToken;
        var first = Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, token, "amr-1"));
        _fleet.Time.Advance(TimeSpan.FromHours(2));
        var second = Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, token, "amr-1"));
        Assert.Equal(first.Thing, second.Thing);
        Assert.Equal(first.DeviceConfiguration, second.DeviceConfiguration);
    }

    [Fact]
    public async Task A_token_is_good_for_one_thing()
    {
        var claim = await _fleet.NewClaim();
        var token = (await _fleet.NewCertificate(claim)).OwnershipToken;
        await _fleet.Provision(claim, token, "amr-1");
        AssertRejected(400, "InvalidCertificateOwnershipToken", await _fleet.Provision(claim, token, "amr-2"));
        Assert.Null(await _fleet.Grains.GetGrain<IDeviceGrain>("amr-2").Get());
    }

    [Theory, InlineData("nonsense"), InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x")]
    public async Task A_bad_token_changes_nothing(string token)
    {
        AssertRejected(400, "InvalidCertificateOwnershipToken", await _fleet.Provision(await _fleet.NewClaim(), token, "amr-1"));
        Assert.Null(await _fleet.Grains.GetGrain<IDeviceGrain>("amr-1").Get());
    }

    [Fact]
    public async Task An_expired_token_changes_nothing()
    {
        var claim = await _fleet.NewClaim();
        var token = (await _fleet.NewCertificate(claim)).OwnershipToken;
        _fleet.Time.Advance(TimeSpan.FromMinutes(_fleet.Claims.PendingMinutes));
        AssertRejected(400, "InvalidCertificateOwnershipToken", await _fleet.Provision(claim, token, "amr-1"));
        Assert.Null(await _fleet.Grains.GetGrain<IDeviceGrain>("amr-1").Get());
    }

    [Fact]
    public async Task Another_claim_cannot_take_a_device_over_unless_it_is_bound_to_it()
    {
        var first = await _fleet.NewClaim();
        await _fleet.Provision(first, (await _fleet.NewCertificate(first)).OwnershipToken, "amr-1");

        var stranger = await _fleet.NewClaim();
        var issued = await _fleet.NewCertificate(stranger);
        AssertRejected(403, "AccessDenied", await _fleet.Provision(stranger, issued.OwnershipToken, "amr-1"));
        Assert.Equal(CertificateStatus.PendingActivation, (await _fleet.Certificate(issued.CertificateId).Get())!.Status);

        var bound = await _fleet.NewClaim(thing: "amr-1");
        Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(bound, (await _fleet.NewCertificate(bound)).OwnershipToken, "amr-1"));
        AssertRejected(403, "AccessDenied", await _fleet.Provision(bound, (await _fleet.NewCertificate(bound)).OwnershipToken, "amr-2"));
    }

    [Fact]
    public async Task The_same_claim_may_let_its_device_in_again_but_not_as_another_model()
    {
        var claim = await _fleet.NewClaim();
        await _fleet.Provision(claim, (await _fleet.NewCertificate(claim)).OwnershipToken, "amr-1");
        Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, (await _fleet.NewCertificate(claim)).OwnershipToken, "amr-1"));
        var issued = await _fleet.NewCertificate(claim);
        AssertRejected(409, "ResourceConflict", await _fleet.Provision(claim, issued.OwnershipToken, "amr-1", model: "agv"));
        Assert.Equal(CertificateStatus.PendingActivation, (await _fleet.Certificate(issued.CertificateId).Get())!.Status);
    }

    [Fact]
    public async Task A_revoked_claim_lets_nobody_in()
    {
        var claim = await _fleet.NewClaim();
        var token = (await _fleet.NewCertificate(claim)).OwnershipToken;
        await _fleet.Certificate(claim).Revoke();
        AssertRejected(403, "AccessDenied", await _fleet.Provision(claim, token, "amr-1"));
    }

    [Fact]
    public async Task An_unknown_template_is_not_found() =>
        AssertRejected(404, "ResourceNotFound", await _fleet.Provision(await _fleet.NewClaim(), "t", "amr-1", template: "other"));

    [Fact]
    public async Task A_certificate_that_nobody_used_is_deleted_when_its_time_is_up()
    {
        var claim = await _fleet.NewClaim();
        var issued = await _fleet.NewCertificate(claim);
        int records = _fleet.Storage.RecordCount;
        _fleet.Time.Advance(TimeSpan.FromMinutes(_fleet.Claims.PendingMinutes - 1));
        Assert.NotNull(await _fleet.Certificate(issued.CertificateId).Get());
        _fleet.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await _fleet.Certificate(issued.CertificateId).Get());
        await Eventually.True(() => _fleet.Storage.RecordCount == records - 1);
    }

    [Fact]
    public async Task A_batch_is_let_in_at_once()
    {
        var claim = await _fleet.NewClaim();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var issued = await _fleet.NewCertificate(claim);
            Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, issued.OwnershipToken, $"amr-{i}"));
            Assert.Equal(Certificates.Thing($"amr-{i}"), (await _fleet.Certificate(issued.CertificateId).Get())!.Thing);
        }));
    }

    private static void AssertRejected(int status, string code, ProvisionResult result)
    {
        var rejected = Assert.IsType<ProvisionResult.Rejected>(result);
        Assert.Equal((status, code), (rejected.StatusCode, rejected.ErrorCode));
    }
}
