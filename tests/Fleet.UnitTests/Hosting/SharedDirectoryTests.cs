using Fleet.Silo;
using Fleet.Silo.Files;
using Fleet.Silo.Pki;
using Fleet.Silo.Tokens;
using Fleet.UnitTests.Pki;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Hosting;

public sealed class SharedDirectoryTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_process_alone_keeps_everything_in_its_data_directory()
    {
        using var data = DataDirectory.Open(_folder.File("data"));
        var shared = SharedDirectory.Open(null, data);
        Assert.Equal((data.Path, false), (shared.Path, shared.IsShared));
    }

    [Fact]
    public async Task Silos_that_start_together_make_one_authority_and_one_token()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            var shared = SharedDirectory.Open(_folder.File("shared"), data: null);
            using (shared.Lock(TimeProvider.System))
            {
                using var pki = FleetPki.Open(shared.File("pki"), ServerName.All("localhost", []), Now, NullLogger.Instance);
                AdminToken.LoadOrMake(shared.File(AdminToken.FileName));
                return (File.ReadAllText(pki.CaCertificateFile), File.ReadAllText(shared.File("pki/server.key")), File.ReadAllText(shared.File(AdminToken.FileName)));
            }
        })));
        Assert.Single(made.Distinct());
    }

    [Fact]
    public async Task The_lock_waits_for_who_has_it()
    {
        var shared = SharedDirectory.Open(_folder.File("shared"), data: null);
        var first = shared.Lock(TimeProvider.System);
        var second = Task.Run(() => shared.Lock(TimeProvider.System));
        Assert.False(second.IsCompleted);
        first.Dispose();
        (await second).Dispose();
    }

    [Fact]
    public void A_gateway_opens_what_a_silo_made_and_makes_nothing()
    {
        var folder = _folder.File("pki");
        Assert.Contains("A silo makes them", Assert.Throws<StartupException>(() => GatewayPki.Load(folder)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));

        using var pki = FleetPki.Open(folder, ServerName.All("localhost", []), Now, NullLogger.Instance);
        File.Delete(Path.Combine(folder, "ca.key"));
        File.Delete(Path.Combine(folder, "firmware-signer.key"));
        using var gateway = GatewayPki.Load(folder);
        Assert.Equal(pki.GatewayTrust.ClientAnchors[0].Thumbprint, gateway.Trust.ClientAnchors[0].Thumbprint);
        Assert.Equal(pki.DownloadKey.Key, gateway.DownloadKey.Key);
        Assert.Equal(pki.CaCertificateFile, gateway.CaCertificateFile);
    }
}
