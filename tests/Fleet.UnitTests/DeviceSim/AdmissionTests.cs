using System.Security.Cryptography;
using System.Text.Json;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Agent.Wire;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>What a device refuses before it fetches a byte (spec/security.md, 2.3).</summary>
public sealed class AdmissionTests
{
    private static readonly Firmware Good = Firmware.Of("1.1.0");

    [Fact]
    public void A_good_document_is_taken_on()
    {
        var job = Assert.IsType<Admission.Admitted>(Judge(Good with { Floor = "1.0.5" }, floor: "1.0.0")).Job;
        Assert.Equal(("1.1.0", 20_000L, Good.Sha256, "1.0.5", Firmware.Stream, null), (job.Version, job.SizeBytes, job.Sha256, job.Floor, job.Stream, job.Url));
        Assert.True(Admission.IsFileSigned(Pki.Ours.Signer, Good.Sha256, job.Signature));
    }

    [Fact]
    public void Another_models_firmware_is_refused() => Refused("model", Judge(Good with { Model = "crane" }));

    [Fact]
    public void A_version_below_the_floor_is_refused_and_the_floor_itself_is_not()
    {
        Refused("floor", Judge(Good, floor: "1.1.1"));
        Assert.IsType<Admission.Admitted>(Judge(Good, floor: "1.1.0"));
    }

    [Fact]
    public void A_manifest_that_somebody_else_signed_is_refused() => Refused("signed", Judge(Good with { SignedBy = Pki.Theirs }));

    [Fact]
    public void A_document_that_says_other_than_its_manifest_is_refused() => Refused("other than", Judge(Good with { ClaimedVersion = "1.2.0" }));

    [Fact]
    public void A_document_without_a_way_to_the_file_is_refused() => Refused("neither", Judge(Good with { Protocols = ["HTTP"] }));

    [Theory, InlineData("{}"), InlineData("[]"), InlineData("null"), InlineData("\"x\""), InlineData("""{"operation":"reboot"}"""), InlineData("""{"afr_ota":{"files":"x"}}""")]
    public void A_document_of_another_kind_is_refused(string json)
    {
        using var document = JsonDocument.Parse(json);
        var execution = new JobExecutionMessage { JobId = "j", Status = "IN_PROGRESS", JobDocument = document.RootElement };
        Assert.IsType<Admission.Refused>(Admission.Judge(execution, "amr", null, Pki.Ours.Signer));
    }

    [Fact]
    public void A_file_signature_of_another_file_or_with_trailing_bytes_is_wrong()
    {
        var signature = Pki.Ours.Sign(Good.Image);
        Assert.False(Admission.IsFileSigned(Pki.Ours.Signer, Convert.ToHexStringLower(SHA256.HashData([1])), signature));
        Assert.False(Admission.IsFileSigned(Pki.Ours.Signer, Good.Sha256, [.. signature, 0]));
    }

    [Fact]
    public void Only_a_code_signing_certificate_of_the_own_authority_may_sign_firmware()
    {
        var ca = new TrustedCa(Pki.Ours.Anchors, TimeProvider.System);
        Assert.Equal(Pki.Ours.Signer.Thumbprint, ca.VerifiedSigner(Pki.Ours.Signer.ExportCertificatePem()).Thumbprint);
        Assert.Throws<WireException>(() => ca.VerifiedSigner(Pki.Theirs.Signer.ExportCertificatePem()));
        Assert.Throws<WireException>(() => ca.VerifiedSigner(Pki.Ours.NotASigner.ExportCertificatePem()));
        Assert.Throws<WireException>(() => ca.VerifiedSigner("no certificate"));
    }

    private static Admission Judge(Firmware firmware, string? floor = null) => Admission.Judge(firmware.Execution(), "amr", floor, Pki.Ours.Signer);

    private static void Refused(string word, Admission admission) =>
        Assert.Contains(word, Assert.IsType<Admission.Refused>(admission).Reason, StringComparison.Ordinal);
}
