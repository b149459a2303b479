using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

// Reentrant: it keeps nothing between calls (serial numbers are random), and a batch of devices must not queue behind each other's writes.
[Reentrant]
internal sealed class CertificateAuthorityGrain(ICertificateSigner signer, TimeProvider clock) : Grain, ICertificateAuthorityGrain
{
    public async Task<IssueCertificateResult> IssueFromCsr(string csrPem, CertificateId claim)
    {
        var view = await GrainFactory.GetGrain<ICertificateGrain>(claim.Value).Get();
        if (ClaimRules.WhyNot(view, clock.GetUtcNow()) is { } denial) return new IssueCertificateResult.Denied(denial);
        if (await Use(claim).WhyNot() is { } refusal) return Refused(refusal);
        return CsrReader.Read(csrPem) switch
        {
            CsrReading.Refused refused => new IssueCertificateResult.InvalidCsr(refused.Detail),
            CsrReading.Accepted accepted when IsKeyOf(view!, accepted.Key) =>
                new IssueCertificateResult.InvalidCsr("The key is the claim certificate's own; a device needs one that nobody else has."),
            CsrReading.Accepted accepted => await IssueDevice(accepted.Key, claim, privateKeyPem: null),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    public async Task<IssueCertificateResult> IssueWithNewKey(CertificateId claim)
    {
        var view = await GrainFactory.GetGrain<ICertificateGrain>(claim.Value).Get();
        if (ClaimRules.WhyNot(view, clock.GetUtcNow()) is { } denial) return new IssueCertificateResult.Denied(denial);
        if (await Use(claim).WhyNot() is { } refusal) return Refused(refusal);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return await IssueDevice(new PublicKey(key), claim, PrivatePemOf(key));
    }

    public async Task<IssuedClaim> IssueClaim(ClaimRequest request)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var claim = Sign(CertificateProfile.Claim, new PublicKey(key)) with
        {
            Status = CertificateStatus.Active,
            Thing = request.Thing,
            Template = request.Template,
            Label = request.Label,
        };
        await GrainFactory.GetGrain<ICertificateGrain>(claim.Id.Value).Record(claim, ownershipTokenSha256: null);
        return new IssuedClaim(claim, PrivatePemOf(key));
    }

    private async Task<IssueCertificateResult> IssueDevice(PublicKey key, CertificateId claim, string? privateKeyPem)
    {
        var certificate = Sign(CertificateProfile.Device, key) with { IssuedThrough = claim };
        // Others may have used the claim since it was asked.
        if (await Use(claim).Issue(certificate.Id) is { } refusal) return Refused(refusal);
        var token = OwnershipToken.Of(certificate.Id, RandomNumberGenerator.GetBytes(OwnershipToken.SecretBytes));
        await GrainFactory.GetGrain<ICertificateGrain>(certificate.Id.Value).Record(certificate, OwnershipToken.Sha256Of(token));
        return new IssueCertificateResult.Issued(certificate.Id, certificate.Pem, token, privateKeyPem);
    }

    private IClaimGrain Use(CertificateId claim) => GrainFactory.GetGrain<IClaimGrain>(claim.Value);

    private static IssueCertificateResult Refused(ClaimRefusal refusal) => refusal.Limit == ClaimLimit.Total
        ? new IssueCertificateResult.Denied(refusal.Detail) : new IssueCertificateResult.Throttled(refusal.Detail);

    private CertificateView Sign(CertificateProfile profile, PublicKey key)
    {
        var now = clock.GetUtcNow();
        var serial = SerialNumber.New();
        var (notBefore, notAfter) = profile.ValidFrom(now);
        using var certificate = signer.Sign(profile.RequestFor(key, serial), serial, notBefore, notAfter);
        return CertificateViews.Of(certificate, profile.Kind, now);
    }

    private static bool IsKeyOf(CertificateView view, PublicKey key)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(view.Der.AsSpan());
        return certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo());
    }

    private static string PrivatePemOf(ECDsa key) => key.ExportPkcs8PrivateKeyPem() + "\n";
}
