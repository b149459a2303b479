using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Grains;
using Fleet.Grains.Certificates;
using Fleet.Interfaces.Certificates;
using static Fleet.UnitTests.Certificates.Certificates;

namespace Fleet.UnitTests.Certificates;

public sealed class CertificateCoreTests
{
    private static readonly string Token = OwnershipToken.Of(Id(), new byte[32]);

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly CertificateState Pending = CertificateCore.Record(
        new(), View(CertificateKind.Device, CertificateStatus.PendingActivation), OwnershipToken.Sha256Of(Token), Hour, Noon);

    [Fact]
    public void The_token_makes_it_active_for_one_thing()
    {
        var active = CertificateCore.Activate(Pending, Token, Thing("amr-1"), Noon);
        Assert.Equal((CertificateStatus.Active, Thing("amr-1")), (active!.Certificate!.Status, active.Certificate.Thing));
        Assert.Same(active, CertificateCore.Activate(active, Token, Thing("amr-1"), Noon));
        Assert.Null(CertificateCore.Activate(active, Token, Thing("amr-2"), Noon));
    }

    [Theory, InlineData(""), InlineData("x"), InlineData("aa.bb")]
    public void Another_token_does_not(string token)
    {
        Assert.Null(CertificateCore.Activate(Pending, token, Thing("amr-1"), Noon));
        Assert.Null(CertificateCore.Activate(Pending, OwnershipToken.Of(Id(), [1]), Thing("amr-1"), Noon));
        Assert.Null(CertificateCore.Activate(new(), Token, Thing("amr-1"), Noon));
    }

    [Fact]
    public void The_token_is_good_for_its_time_and_then_the_certificate_is_gone()
    {
        var end = Noon.AddHours(1);
        Assert.NotNull(CertificateCore.Activate(Pending, Token, Thing("amr-1"), end.AddTicks(-1)));
        Assert.Null(CertificateCore.Activate(Pending, Token, Thing("amr-1"), end));
        Assert.NotNull(CertificateCore.View(Pending, end.AddTicks(-1)));
        Assert.Null(CertificateCore.View(Pending, end));
        Assert.Null(CertificateCore.Revoke(Pending, end));
    }

    [Fact]
    public void A_repeat_of_the_activation_is_answered_after_that_time_too()
    {
        var active = CertificateCore.Activate(Pending, Token, Thing("amr-1"), Noon)!;
        Assert.Same(active, CertificateCore.Activate(active, Token, Thing("amr-1"), Noon.AddDays(1)));
        Assert.NotNull(CertificateCore.View(active, Noon.AddDays(1)));
    }

    [Fact]
    public void Revoked_is_for_good()
    {
        var active = CertificateCore.Activate(Pending, Token, Thing("amr-1"), Noon)!;
        foreach (var state in new[] { Pending, active })
        {
            var revoked = CertificateCore.Revoke(state, Noon)!;
            Assert.Equal(CertificateStatus.Revoked, revoked.Certificate!.Status);
            Assert.Same(revoked, CertificateCore.Revoke(revoked, Noon.AddDays(1)));
            Assert.Null(CertificateCore.Activate(revoked, Token, Thing("amr-1"), Noon));
            Assert.NotNull(CertificateCore.View(revoked, Noon.AddDays(1)));
        }
        Assert.Null(CertificateCore.Revoke(new(), Noon));
    }

    [Fact]
    public void Recording_again_changes_nothing() => Assert.Same(
        Pending, CertificateCore.Record(Pending, View(CertificateKind.Claim, CertificateStatus.Active), null, Hour, Noon.AddHours(3)));

    [Fact]
    public void A_claim_needs_no_token_is_listed_and_has_none_to_spend()
    {
        var claim = CertificateCore.Record(new(), View(CertificateKind.Claim, CertificateStatus.Active), null, Hour, Noon);
        Assert.NotNull(CertificateCore.View(claim, Noon.AddDays(3)));
        Assert.Null(CertificateCore.Activate(claim, Token, Thing("amr-1"), Noon));
        Assert.Equal(new Fleet.Grains.Index.CatalogRow("claim", Id().Value, "active", Noon), claim.ToCatalogRow());
        Assert.Equal("revoked", CertificateCore.Revoke(claim, Noon)!.ToCatalogRow()!.Status);
        Assert.Null(Pending.ToCatalogRow());
    }

    [Fact]
    public void The_token_says_which_certificate_it_is_for_and_only_its_digest_is_kept()
    {
        Assert.True(OwnershipToken.TryReadCertificate(Token, out var id));
        Assert.Equal(Id(), id);
        Assert.False(OwnershipToken.TryReadCertificate("nonsense", out _));
        Assert.False(OwnershipToken.TryReadCertificate(new string('A', 64) + ".x", out _));
        string stored = JsonSerializer.Serialize(Pending, GrainStateJson.Options);
        Assert.DoesNotContain(Token, stored, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_keeps_the_certificate_as_PEM()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest("CN=amr-1", key, HashAlgorithmName.SHA256).CreateSelfSigned(Noon, Noon.AddYears(1));
        var state = Pending with { Certificate = Pending.Certificate! with { Der = [.. made.RawData] } };
        string stored = JsonSerializer.Serialize(state, GrainStateJson.Options);
        Assert.Equal(made.ExportCertificatePem() + "\n", (string?)JsonNode.Parse(stored)!["certificate"]!["pem"]);
        var read = JsonSerializer.Deserialize<CertificateState>(stored, GrainStateJson.Options)!;
        Assert.Equal(made.RawData, read.Certificate!.Der);
        Assert.Equal(stored, JsonSerializer.Serialize(read, GrainStateJson.Options));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<CertificateState>(stored.Replace("BEGIN", "END", StringComparison.Ordinal), GrainStateJson.Options));
    }
}
