using Fleet.Grains.Certificates;
using Fleet.Grains.Firmware;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Pki;
using Fleet.UnitTests.Pki;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orleans;

namespace Fleet.UnitTests.Certificates;

/// <summary>The real grains with a real authority, a clock that the test moves, and storage in memory.</summary>
internal sealed class FleetUnderTest : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private GrainHost _host = null!;

    private FleetUnderTest() => Pki = FleetPki.Open(_folder.Path, ServerName.All("host-1", []), new FakeTimeProvider().Start, NullLogger.Instance);

    public FleetPki Pki { get; }
    public IGrainFactory Grains => _host.Grains;
    public FakeTimeProvider Time { get; } = new();

    /// <summary>As they apply to every claim: a test may change them at any time.</summary>
    public ClaimOptions Claims { get; } = new();
    public MemoryReminderTable Reminders { get; } = new();
    public MemoryStore Storage { get; } = new();

    public ICertificateAuthorityGrain Authority => Grains.GetGrain<ICertificateAuthorityGrain>(ICertificateAuthorityGrain.DefaultId);

    /// <summary>Grains in memory.</summary>
    public IEnumerable<string> Activations => _host.Activations;

    public static async Task<FleetUnderTest> Start()
    {
        var fleet = new FleetUnderTest();
        await fleet.StartHost();
        return fleet;
    }

    /// <summary>All activations end; what is stored is left.</summary>
    public async Task StartAgain()
    {
        await _host.Stop();
        await _host.DisposeAsync();
        await StartHost();
    }

    private async Task StartHost() => _host = await GrainHost.Start(new()
    {
        GrainAssemblies = [typeof(CertificateGrain).Assembly],
        Time = Time,
        Storage = Storage,
        Reminders = Reminders,
        Services = services => services.AddSingleton<ClaimMetrics>().AddSingleton(Options.Create(Claims))
            .AddSingleton<ICertificateSigner>(Pki.Signer).AddSingleton<IFirmwareSigner>(Pki.FirmwareSigner),
    });

    public IClaimGrain Use(CertificateId claim) => Grains.GetGrain<IClaimGrain>(claim.Value);

    public ICertificateGrain Certificate(CertificateId id) => Grains.GetGrain<ICertificateGrain>(id.Value);

    public async Task<CertificateId> NewClaim(string? thing = null) => (await Authority.IssueClaim(
        new ClaimRequest("batch 7", IProvisioningTemplateGrain.DefaultName, thing is null ? null : Certificates.Thing(thing)))).Certificate.Id;

    public async Task<IssueCertificateResult.Issued> NewCertificate(CertificateId claim) =>
        Assert.IsType<IssueCertificateResult.Issued>(await Authority.IssueWithNewKey(claim));

    public Task<ProvisionResult> Provision(CertificateId claim, string token, string thing, string model = "amr", string template = "fleet") =>
        Grains.GetGrain<IProvisioningTemplateGrain>(template).Provision(new ProvisionRequest(
            token, ImmutableSortedDictionary<string, string>.Empty.Add("ThingName", thing).Add("Model", model), claim));

    public async ValueTask DisposeAsync()
    {
        await _host.Stop();
        await _host.DisposeAsync();
        Pki.Dispose();
        _folder.Dispose();
    }
}
