using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Silo;
using Fleet.Silo.Pki;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Sdk;

namespace Fleet.UnitTests.Pki;

public sealed class FleetPkiTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly ImmutableSortedSet<string> Names = ServerName.All("host-1", ["fleet.example", "10.0.0.7", "*.Fleet.example"]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_authority_lives_thirty_years_and_its_keys_are_the_owner_s_alone()
    {
        using var pki = Open();
        using var ca = X509CertificateLoader.LoadCertificateFromFile(pki.CaCertificateFile);
        Assert.Equal(ca.SubjectName.RawData, ca.IssuerName.RawData);
        Assert.InRange((ca.NotAfter.ToUniversalTime() - Now.UtcDateTime).TotalDays / 365.25, 29.9, 30.1);
        var constraints = ca.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        Assert.True(constraints is { Critical: true, CertificateAuthority: true, HasPathLengthConstraint: true, PathLengthConstraint: 1 });
        Assert.Equal(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, ca.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages);
        Assert.DoesNotContain("PRIVATE", File.ReadAllText(pki.CaCertificateFile), StringComparison.Ordinal);
        if (OperatingSystem.IsWindows()) return;
        foreach (var secret in new[] { "ca.key", "server.key", "firmware-signer.key", "download.key" })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File($"pki/{secret}")));
        Assert.True(File.GetUnixFileMode(pki.CaCertificateFile).HasFlag(UnixFileMode.OtherRead));
        Assert.Equal(32, pki.DownloadKey.Key.Length);
    }

    [Fact]
    public void The_next_start_finds_what_the_first_made()
    {
        byte[] key;
        string ca, signer, server;
        using (var first = Open())
        {
            (key, ca, signer) = (first.DownloadKey.Key.ToArray(), first.Signer.CaCertificatePem, first.FirmwareSigner.CertificatePem);
            server = first.GatewayTrust.ServerCertificate.TargetCertificate.Thumbprint;
        }
        using var second = Open();
        Assert.Equal(key, second.DownloadKey.Key.ToArray());
        Assert.Equal((ca, signer, server), (second.Signer.CaCertificatePem, second.FirmwareSigner.CertificatePem, second.GatewayTrust.ServerCertificate.TargetCertificate.Thumbprint));
    }

    [Fact]
    public void The_server_answers_to_its_names_and_is_made_again_for_others_or_near_its_end()
    {
        string thumbprint;
        using (var pki = Open())
        {
            var server = pki.GatewayTrust.ServerCertificate.TargetCertificate;
            Assert.Equal(["*.fleet.example", "10.0.0.7", "127.0.0.1", "::1", "fleet.example", "host-1", "localhost"], ServerName.In(server).Order(StringComparer.Ordinal));
            Assert.True(server.MatchesHostname("localhost") && server.MatchesHostname("a.fleet.example") && server.MatchesHostname("10.0.0.7"));
            AssertChain(server, pki, CertificateOids.ServerAuth, Now);
            thumbprint = server.Thumbprint;
        }
        using (var same = Open(now: Now.AddDays(198)))
            Assert.Equal(thumbprint, same.GatewayTrust.ServerCertificate.TargetCertificate.Thumbprint);
        using (var late = Open(now: Now.AddDays(200)))
        {
            Assert.NotEqual(thumbprint, thumbprint = late.GatewayTrust.ServerCertificate.TargetCertificate.Thumbprint);
            AssertChain(late.GatewayTrust.ServerCertificate.TargetCertificate, late, CertificateOids.ServerAuth, Now.AddDays(200));
        }
        using var renamed = Open(ServerName.All("host-2", []), Now.AddDays(200));
        Assert.NotEqual(thumbprint, renamed.GatewayTrust.ServerCertificate.TargetCertificate.Thumbprint);
    }

    [Fact]
    public void Firmware_signatures_verify_against_the_signer_s_certificate_for_as_long_as_the_authority_lives()
    {
        using var pki = Open();
        using var signer = X509Certificate2.CreateFromPem(pki.FirmwareSigner.CertificatePem);
        AssertChain(signer, pki, CertificateOids.CodeSigning, Now.AddYears(29));
        // It asked for more: nothing outlives its issuer.
        Assert.Equal(pki.Signer.Certificate.NotAfter, signer.NotAfter);
        var digest = SHA256.HashData("firmware"u8);
        var signature = pki.FirmwareSigner.SignHash(digest);
        using var key = signer.GetECDsaPublicKey()!;
        Assert.True(key.VerifyHash(digest, signature, DSASignatureFormat.Rfc3279DerSequence));
        digest[0] ^= 1;
        Assert.False(key.VerifyHash(digest, signature, DSASignatureFormat.Rfc3279DerSequence));
    }

    [Fact]
    public void A_kill_at_any_moment_of_the_first_start_leaves_what_the_next_one_can_use()
    {
        string[] made = ["ca.key", "ca.crt", "server.key", "firmware-signer.key", "download.key"];
        for (int survived = 0; survived <= made.Length; survived++)
        {
            string folder = _folder.File($"kill-{survived}");
            using (FleetPki.Open(folder, Names, Now, NullLogger.Instance)) { }
            foreach (var lost in made[survived..]) File.Delete(Path.Combine(folder, lost));
            // Half of the next file, under the name it has until it is whole.
            if (survived < made.Length) File.WriteAllText(Path.Combine(folder, made[survived] + ".tmp"), "-----BEGIN PRIV");
            using var again = FleetPki.Open(folder, Names, Now, NullLogger.Instance);
            AssertChain(again.GatewayTrust.ServerCertificate.TargetCertificate, again, CertificateOids.ServerAuth, Now);
            Assert.Empty(Directory.GetFiles(folder, "*.tmp"));
            Assert.Equal(again.Signer.CaCertificatePem, File.ReadAllText(again.CaCertificateFile));
        }
    }

    [Theory, InlineData("ca.key"), InlineData("firmware-signer.key"), InlineData("download.key")]
    public void A_spoilt_file_stops_the_start_and_stays_as_it_is(string name)
    {
        Open().Dispose();
        File.WriteAllText(_folder.File($"pki/{name}"), "spoilt");
        Assert.Contains(name, Assert.Throws<StartupException>(() => Open()).Message, StringComparison.Ordinal);
        Assert.Equal("spoilt", File.ReadAllText(_folder.File($"pki/{name}")));
    }

    [Fact]
    public void A_new_authority_does_not_adopt_the_old_firmware_signer_but_makes_a_server_certificate_of_its_own()
    {
        Open().Dispose();
        File.Delete(_folder.File("pki/ca.key"));
        Assert.Contains("firmware-signer.key", Assert.Throws<StartupException>(() => Open()).Message, StringComparison.Ordinal);
        File.Delete(_folder.File("pki/firmware-signer.key"));
        using var pki = Open();
        AssertChain(pki.GatewayTrust.ServerCertificate.TargetCertificate, pki, CertificateOids.ServerAuth, Now);
    }

    [Fact]
    public void Openssl_agrees()
    {
        using var pki = Open();
        File.WriteAllText(_folder.File("server.crt"), pki.GatewayTrust.ServerCertificate.TargetCertificate.ExportCertificatePem());
        var (code, output) = OpenSsl(
            "verify", "-attime", $"{Now.ToUnixTimeSeconds()}", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "fleet.example",
            "-CAfile", pki.CaCertificateFile, _folder.File("server.crt"));
        Assert.True(code == 0, output);
    }

    [Theory, InlineData("fleet.example", true), InlineData("*.fleet.example", true), InlineData("::1", true), InlineData("10.0.0.1", true), InlineData("a b", false), InlineData("", false), InlineData("https://x", false)]
    public void Server_names_are_checked(string name, bool valid) => Assert.Equal(valid, ServerName.IsValid(name));

    /// <summary>Where the openssl program is not installed, the test is skipped, and says so.</summary>
    private static (int ExitCode, string Output) OpenSsl(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output + error.Result);
        }
        catch (Win32Exception)
        {
            throw SkipException.ForSkip("openssl is not installed");
        }
    }

    internal static void AssertChain(X509Certificate2 certificate, FleetPki pki, string usage, DateTimeOffset at)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(pki.GatewayTrust.ClientAnchors);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        chain.ChainPolicy.VerificationTime = at.UtcDateTime;
        Assert.True(chain.Build(certificate), string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation)));
        Assert.Equal(2, chain.ChainElements.Count);
    }

    private FleetPki Open(ImmutableSortedSet<string>? names = null, DateTimeOffset? now = null) =>
        FleetPki.Open(_folder.File("pki"), names ?? Names, now ?? Now, NullLogger.Instance);
}
