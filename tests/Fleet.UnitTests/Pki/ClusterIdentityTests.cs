using Fleet.Silo;
using Fleet.Silo.Pki;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Pki;

public sealed class ClusterIdentityTests : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_silo_makes_it_once_for_its_owner_alone_and_a_gateway_takes_it()
    {
        using var pki = Pki("fleet");
        using var made = Open("fleet", pki);
        using var found = Open("fleet", pki);
        using var atGateway = ClusterIdentity.Load(_folder.File("fleet"));
        Assert.Equal(made.Certificate.Thumbprint, found.Certificate.Thumbprint);
        Assert.True(made.Recognizes(atGateway.Certificate) && atGateway.Recognizes(made.Certificate));
        Assert.Equal(pki.Signer.Certificate.NotAfter, made.Certificate.NotAfter);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("fleet/cluster.key")));
    }

    [Fact]
    public void Another_certificate_of_the_same_authority_is_not_the_cluster_s_not_even_one_that_it_had_before()
    {
        using var pki = Pki("fleet");
        using var former = Open("fleet", pki);
        File.Delete(_folder.File("fleet/cluster.key"));
        using var cluster = Open("fleet", pki);
        Assert.False(cluster.Recognizes(former.Certificate));
        Assert.False(cluster.Recognizes(pki.GatewayTrust.ServerCertificate.TargetCertificate));
        Assert.False(cluster.Recognizes(pki.Signer.Certificate));
    }

    [Fact]
    public void A_gateway_that_comes_before_the_first_silo_is_told_so()
    {
        using var pki = Pki("fleet");
        var refused = Assert.Throws<StartupException>(() => ClusterIdentity.Load(_folder.File("fleet")));
        Assert.Contains("start one first", refused.Message, StringComparison.Ordinal);
    }

    private FleetPki Pki(string folder) => FleetPki.Open(_folder.File(folder), ServerName.All("host-1", []), Now, NullLogger.Instance);

    private ClusterIdentity Open(string folder, FleetPki pki) => ClusterIdentity.Open(_folder.File(folder), pki.Signer, Now, NullLogger.Instance);
}
