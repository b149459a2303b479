using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.UnitTests.Pki;

namespace Fleet.UnitTests.Certificates;

public sealed class CertificateAuthorityGrainTests : IAsyncLifetime
{
    private FleetUnderTest _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetUnderTest.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_device_certificate_has_the_csr_s_key_and_nothing_else_of_it()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var claim = await _fleet.NewClaim();
        var issued = Assert.IsType<IssueCertificateResult.Issued>(await _fleet.Authority.IssueFromCsr(Certificates.Csr(key), claim));
        Assert.Null(issued.PrivateKeyPem);

        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem);
        Assert.Equal(issued.CertificateId.Value, Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256)));
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), certificate.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.DoesNotContain("whatever", certificate.Subject, StringComparison.Ordinal);
        AssertProfile(certificate, "device", TimeSpan.FromDays(365), [CertificateOids.ClientAuth]);

        var view = await _fleet.Certificate(issued.CertificateId).Get();
        Assert.Equal((CertificateKind.Device, CertificateStatus.PendingActivation, claim), (view!.Kind, view.Status, view.IssuedThrough));
        Assert.Equal(certificate.SerialNumber.ToLowerInvariant(), view.SerialNumber);
        Assert.Equal((certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime()), (view.NotBefore.UtcDateTime, view.NotAfter.UtcDateTime));
    }

    [Fact]
    public async Task An_rsa_key_gets_a_certificate_too()
    {
        using var key = RSA.Create(2048);
        var issued = Assert.IsType<IssueCertificateResult.Issued>(await _fleet.Authority.IssueFromCsr(Certificates.Csr(key), await _fleet.NewClaim()));
        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem);
        FleetPkiTests.AssertChain(certificate, _fleet.Pki, CertificateOids.ClientAuth, _fleet.Time.GetUtcNow());
    }

    [Fact]
    public async Task A_key_that_is_made_here_fits_its_certificate()
    {
        var issued = await _fleet.NewCertificate(await _fleet.NewClaim());
        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem, issued.PrivateKeyPem);
        Assert.True(certificate.HasPrivateKey);
        AssertProfile(certificate, "device", TimeSpan.FromDays(365), [CertificateOids.ClientAuth]);
    }

    [Fact]
    public async Task A_claim_lives_twenty_years_and_says_what_it_is()
    {
        var issued = await _fleet.Authority.IssueClaim(new ClaimRequest("pallet 12, line 3", "fleet", Certificates.Thing("amr-1")));
        using var certificate = X509Certificate2.CreateFromPem(issued.Certificate.Pem, issued.PrivateKeyPem);
        AssertProfile(certificate, "claim", TimeSpan.FromDays(365.25 * 20), [CertificateOids.ClientAuth, CertificateOids.Claim]);
        var view = await _fleet.Certificate(issued.Certificate.Id).Get();
        Assert.Equal(issued.Certificate, view);
        Assert.Equal((CertificateKind.Claim, CertificateStatus.Active, "pallet 12, line 3", "fleet", Certificates.Thing("amr-1")),
            (view!.Kind, view.Status, view.Label, view.Template, view.Thing));
    }

    [Fact]
    public async Task Without_a_good_claim_nothing_is_issued()
    {
        var revoked = await _fleet.NewClaim();
        Assert.True(await _fleet.Certificate(revoked).Revoke());
        var device = (await _fleet.NewCertificate(await _fleet.NewClaim())).CertificateId;
        int records = _fleet.Storage.RecordCount;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var claim in new[] { Certificates.Id(), revoked, device })
        {
            Assert.IsType<IssueCertificateResult.Denied>(await _fleet.Authority.IssueFromCsr(Certificates.Csr(key), claim));
            Assert.IsType<IssueCertificateResult.Denied>(await _fleet.Authority.IssueWithNewKey(claim));
        }
        Assert.Equal(records, _fleet.Storage.RecordCount);
    }

    [Fact]
    public async Task A_bad_csr_and_the_claim_s_own_key_are_refused()
    {
        Assert.IsType<IssueCertificateResult.InvalidCsr>(await _fleet.Authority.IssueFromCsr("nonsense", await _fleet.NewClaim()));
        var claim = await _fleet.Authority.IssueClaim(new ClaimRequest("own key", "fleet", null));
        using var key = ECDsa.Create();
        key.ImportFromPem(claim.PrivateKeyPem);
        var refused = Assert.IsType<IssueCertificateResult.InvalidCsr>(await _fleet.Authority.IssueFromCsr(Certificates.Csr(key), claim.Certificate.Id));
        Assert.Contains("claim", refused.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Serial_numbers_are_sixteen_positive_bytes_without_leading_zeros()
    {
        for (int i = 0; i < 1_000; i++)
        {
            var serial = Fleet.Grains.Certificates.SerialNumber.New();
            Assert.Equal(16, serial.Length);
            Assert.InRange(serial[0], 0x10, 0x7F);
        }
    }

    private void AssertProfile(X509Certificate2 certificate, string kind, TimeSpan lifetime, string[] usages)
    {
        var now = _fleet.Time.GetUtcNow();
        FleetPkiTests.AssertChain(certificate, _fleet.Pki, CertificateOids.ClientAuth, now);
        Assert.Equal(now.AddHours(-1).UtcDateTime, certificate.NotBefore.ToUniversalTime());
        Assert.Equal(now.UtcDateTime + lifetime, certificate.NotAfter.ToUniversalTime());
        Assert.Equal(usages, certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages.Cast<Oid>().Select(o => o.Value!));
        Assert.True(certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single() is { Critical: true, CertificateAuthority: false });
        Assert.True(certificate.Extensions.OfType<X509KeyUsageExtension>().Single() is { Critical: true, KeyUsages: X509KeyUsageFlags.DigitalSignature });
        Assert.Contains($"urn:fleet:{kind}:{certificate.SerialNumber.ToLowerInvariant()}",
            System.Text.Encoding.ASCII.GetString(certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single().RawData), StringComparison.Ordinal);
        Assert.Equal(32, certificate.SerialNumber.Length);
        Assert.NotNull(certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifier);
    }
}
