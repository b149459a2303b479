using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Grains.Certificates;
using static Fleet.UnitTests.Certificates.Certificates;

namespace Fleet.UnitTests.Certificates;

public sealed class CsrReaderTests
{
    [Fact]
    public void P256_P384_and_rsa_from_2048_bits_are_taken()
    {
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        foreach (AsymmetricAlgorithm key in new AsymmetricAlgorithm[] { p256, p384, rsa })
        {
            var reading = Assert.IsType<CsrReading.Accepted>(CsrReader.Read(Csr(key)));
            Assert.Equal(key.ExportSubjectPublicKeyInfo(), reading.Key.ExportSubjectPublicKeyInfo());
        }
    }

    [Fact]
    public void Other_keys_are_not()
    {
        using var p521 = ECDsa.Create(ECCurve.NamedCurves.nistP521);
        using var small = RSA.Create(1024);
        Assert.Contains("P-256", Refusal(Csr(p521)), StringComparison.Ordinal);
        Assert.Contains("2,048", Refusal(Csr(small)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_that_its_key_did_not_sign_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var der = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        der[^1] ^= 1;
        Assert.Contains("signed by its own key", Refusal(PemEncoding.WriteString("CERTIFICATE REQUEST", der)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_signature_moved_to_another_key_is_refused()
    {
        using var mine = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var theirs = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = new CertificateRequest(new X500DistinguishedName("CN=x"), new PublicKey(theirs), HashAlgorithmName.SHA256)
            .CreateSigningRequest(X509SignatureGenerator.CreateForECDsa(mine));
        Refusal(PemEncoding.WriteString("CERTIFICATE REQUEST", forged));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----")]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public void What_is_no_request_is_refused(string pem) => Refusal(pem);

    [Fact]
    public void It_has_4096_characters_at_most()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = Csr(key);
        Assert.IsType<CsrReading.Accepted>(CsrReader.Read(pem.PadRight(4_096)));
        Assert.Contains("4,096", Refusal(pem.PadRight(4_097)), StringComparison.Ordinal);
    }

    [Fact]
    public void Strange_bytes_are_read_or_refused_and_there_is_no_third_outcome()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var der = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        var random = new Random(20260101);
        for (int i = 0; i < 2_000; i++)
        {
            byte[] strange = [.. der];
            for (int change = random.Next(1, 4); change > 0; change--) strange[random.Next(strange.Length)] = (byte)random.Next(256);
            Assert.NotNull(CsrReader.Read(PemEncoding.WriteString("CERTIFICATE REQUEST", strange.AsSpan(0, random.Next(1, strange.Length + 1)))));
        }
    }

    private static string Refusal(string pem) => Assert.IsType<CsrReading.Refused>(CsrReader.Read(pem)).Detail;
}
