using System.Security.Cryptography;
using Fleet.Grains.Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Shadows;
using Fleet.Interfaces.Streams;

namespace Fleet.UnitTests.Certificates;

/// <summary>What one claim is worth, with the real grains: it runs out, and others do not notice.</summary>
public sealed class ClaimGrainTests : IAsyncLifetime
{
    private FleetUnderTest _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetUnderTest.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_claim_that_is_used_up_gets_nothing_more_and_another_goes_on()
    {
        var (leaked, other) = (await _fleet.NewClaim(), await _fleet.NewClaim());
        await _fleet.Use(leaked).SetLimits(new ClaimLimits(MaxCertificates: 3, CertificatesPerSecond: null));
        for (int i = 0; i < 3; i++) await _fleet.NewCertificate(leaked);
        int records = _fleet.Storage.RecordCount;
        Assert.IsType<IssueCertificateResult.Denied>(await _fleet.Authority.IssueWithNewKey(leaked));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.IsType<IssueCertificateResult.Denied>(await _fleet.Authority.IssueFromCsr(Certificates.Csr(key), leaked));
        Assert.Equal(records, _fleet.Storage.RecordCount);
        await _fleet.NewCertificate(other);

        await _fleet.Use(leaked).SetLimits(new ClaimLimits(MaxCertificates: 4, CertificatesPerSecond: null));
        await _fleet.NewCertificate(leaked);
        Assert.Equal((4, 4), (await _fleet.Use(leaked).GetUse()) is var use ? (use.MaxCertificates, use.Issued) : default);
    }

    [Fact]
    public async Task A_claim_that_asks_too_fast_is_told_to_wait_and_another_is_not()
    {
        var (leaked, other) = (await _fleet.NewClaim(), await _fleet.NewClaim());
        await _fleet.Use(leaked).SetLimits(new ClaimLimits(MaxCertificates: null, CertificatesPerSecond: 1));
        for (int i = 0; i < 10; i++) await _fleet.NewCertificate(leaked);
        Assert.IsType<IssueCertificateResult.Throttled>(await _fleet.Authority.IssueWithNewKey(leaked));
        await _fleet.NewCertificate(other);
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        await _fleet.NewCertificate(leaked);
        Assert.IsType<IssueCertificateResult.Throttled>(await _fleet.Authority.IssueWithNewKey(leaked));
    }

    [Fact]
    public async Task Certificates_that_wait_for_no_device_hold_up_their_claim_alone_and_not_for_long()
    {
        _fleet.Claims.MaxPending = 5;
        var (leaked, other) = (await _fleet.NewClaim(), await _fleet.NewClaim());
        for (int i = 0; i < 5; i++) await _fleet.NewCertificate(leaked);
        Assert.IsType<IssueCertificateResult.Throttled>(await _fleet.Authority.IssueWithNewKey(leaked));
        await _fleet.NewCertificate(other);
        _fleet.Time.Advance(TimeSpan.FromMinutes(_fleet.Claims.PendingMinutes));
        await _fleet.NewCertificate(leaked);
    }

    [Fact]
    public async Task Devices_that_register_leave_room_for_the_next_ones()
    {
        _fleet.Claims.MaxPending = 2;
        var claim = await _fleet.NewClaim();
        for (int i = 0; i < 6; i++)
        {
            var issued = await _fleet.NewCertificate(claim);
            Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, issued.OwnershipToken, $"amr-{i}"));
        }
    }

    [Fact]
    public async Task One_reminder_of_the_claim_sees_to_all_its_certificates_and_goes_with_the_last()
    {
        var claim = await _fleet.NewClaim();
        var used = await _fleet.NewCertificate(claim);
        int records = _fleet.Storage.RecordCount;
        for (int i = 0; i < 20; i++) await _fleet.NewCertificate(claim);
        Assert.Single(_fleet.Reminders.Names);
        Assert.IsType<ProvisionResult.Provisioned>(await _fleet.Provision(claim, used.OwnershipToken, "amr-1"));
        _fleet.Time.Advance(TimeSpan.FromMinutes(_fleet.Claims.PendingMinutes));
        // The device's own record is there beside those of before.
        await Eventually.True(() => _fleet.Storage.RecordCount == records + 1);
        await Eventually.True(() =>
        {
            _fleet.Time.Advance(TimeSpan.FromMinutes(1));
            return _fleet.Reminders.Names.Count == 0;
        });
        Assert.Equal(CertificateStatus.Active, (await _fleet.Certificate(used.CertificateId).Get())!.Status);
        Assert.Equal((21, 0), (await _fleet.Use(claim).GetUse()) is var use ? (use.Issued, use.Pending) : default);
    }

    [Fact]
    public async Task A_certificate_whose_time_is_set_after_the_claim_s_goes_with_a_later_sweep()
    {
        var claim = await _fleet.NewClaim();
        int records = _fleet.Storage.RecordCount;
        var certificate = Certificates.View(CertificateKind.Device, CertificateStatus.PendingActivation);
        Assert.Null(await _fleet.Use(claim).Issue(certificate.Id));
        // The claim's own record.
        records++;
        _fleet.Time.Advance(TimeSpan.FromSeconds(90));
        await _fleet.Certificate(certificate.Id).Record(certificate, "token");
        await Eventually.True(() =>
        {
            _fleet.Time.Advance(TimeSpan.FromMinutes(1));
            return _fleet.Reminders.Names.Count == 0;
        });
        Assert.Equal(records, _fleet.Storage.RecordCount);
    }

    [Fact]
    public async Task What_it_was_used_for_is_known_to_the_next_activation()
    {
        var claim = await _fleet.NewClaim();
        await _fleet.Use(claim).SetLimits(new ClaimLimits(MaxCertificates: 1, CertificatesPerSecond: null));
        await _fleet.NewCertificate(claim);
        await _fleet.StartAgain();
        Assert.IsType<IssueCertificateResult.Denied>(await _fleet.Authority.IssueWithNewKey(claim));
    }

    [Fact]
    public async Task Names_that_somebody_made_up_keep_no_activation()
    {
        var id = Certificates.Id('f');
        await _fleet.Provision(await _fleet.NewClaim(), OwnershipToken.Of(id, new byte[OwnershipToken.SecretBytes]), "amr-1");
        Assert.Null(await _fleet.Grains.GetGrain<IDeviceGrain>("nobody").Get());
        await _fleet.Grains.GetGrain<IShadowGrain>("nobody").Get(ReadOnlyMemory<byte>.Empty);
        Assert.Null(await _fleet.Grains.GetGrain<IFirmwareStreamGrain>("nobody").Lease("gw"));
        string[] madeUp = [id.Value, "nobody"];
        Assert.Equal(4, _fleet.Activations.Count(name => madeUp.Any(name.Contains)));
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.True(() => !_fleet.Activations.Any(name => madeUp.Any(name.Contains)));
    }
}
