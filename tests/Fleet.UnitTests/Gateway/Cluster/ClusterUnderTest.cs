using Fleet.Gateway;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Gateway.Journal;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>Gateways over one host of grains. The grains' clock is the test's; the gateways' own is the real one.</summary>
internal sealed class ClusterUnderTest : IAsyncDisposable
{
    private readonly List<LiveGateway> _gateways = [];

    private ClusterUnderTest(GrainsUnderTest grains, ISessionStore sessions) => (Grains, Sessions) = (grains, sessions);

    public GrainsUnderTest Grains { get; }
    public SharedRetainedStore Store { get; } = new();
    public ISessionStore Sessions { get; }

    /// <param name="sessions">Where all gateways keep their sessions; null: in memory.</param>
    public static async Task<ClusterUnderTest> Start(ISessionStore? sessions = null) => new(await GrainsUnderTest.Begin(), sessions ?? new MemorySessionStore());

    /// <param name="dead">Those that are no more.</param>
    public async Task<LiveGateway> Gateway(Action<SettingsUnderTest>? configure = null, params LiveGateway[] dead)
    {
        var gateway = await LiveGateway.Start(Grains, Store, Sessions, configure);
        _gateways.Add(gateway);
        await Meet(dead);
        return gateway;
    }

    public async Task<(LiveGateway, LiveGateway)> TwoGateways() => (await Gateway(), await Gateway());

    /// <summary>Moves the grains' clock second by second; all but <paramref name="dead"/> beat meanwhile.</summary>
    public async Task Pass(TimeSpan time, params LiveGateway[] dead)
    {
        for (int second = 1; second <= time.TotalSeconds; second++)
        {
            Grains.Time.Advance(TimeSpan.FromSeconds(1));
            if (second % 2 == 0) foreach (var gateway in _gateways.Except(dead)) await gateway.Member.Beat();
            await Grains.View();
        }
    }

    /// <summary>Waits until every gateway sees what the grains see, and no other.</summary>
    public async Task Meet(params LiveGateway[] dead)
    {
        var alive = _gateways.Except(dead).ToArray();
        foreach (var gateway in alive)
        {
            await gateway.Member.Beat();
            await Eventually.True(() => gateway.Peers.All.Count == alive.Length - 1);
            await Task.WhenAll(gateway.Peers.All.Select(peer => peer.Ready)).WaitAsync(TimeSpan.FromSeconds(20));
            await gateway.Service<GatewayIdentity>().Begun.WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    /// <summary>An active certificate of a registered thing.</summary>
    public async Task<CertificateId> Device(string thing)
    {
        Assert.True(ThingName.TryParse(thing, out var name));
        Assert.True(ModelName.TryParse("amr", out var model));
        Assert.True(CertificateId.TryParse(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(thing))), out var id));
        var now = Grains.Time.GetUtcNow();
        await Grains.Factory.GetGrain<ICertificateGrain>(id.Value).Record(new CertificateView
        {
            Id = id,
            Kind = CertificateKind.Device,
            Status = CertificateStatus.Active,
            SerialNumber = "01",
            NotBefore = now.AddDays(-1),
            NotAfter = now.AddYears(100),
            Thing = name,
            Template = null,
            Label = null,
            Der = [],
            CreatedAt = now,
        }, null);
        await Grains.Factory.GetGrain<IDeviceGrain>(thing).Register(
            new DeviceRegistration(model, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
        return id;
    }

    /// <summary>The others have noticed that a gateway was killed, and go on with what it left.</summary>
    public async Task FailOver(params LiveGateway[] killed)
    {
        await Pass(TimeSpan.FromSeconds(14), killed);
        await Meet(killed);
        // Ten times as fast as the gateways' clock: what the grains wait for them is no time-out yet.
        var living = _gateways.Except(killed).ToArray();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (int step = 1; living.Any(gateway => gateway.Peers.Dead.Count > 0) || !(await Grains.View()).Dead.IsEmpty; step++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
            Grains.Time.Advance(TimeSpan.FromMilliseconds(50));
            if (step % 40 == 0) foreach (var gateway in living) await gateway.Member.Beat();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways) await gateway.DisposeAsync();
        await Grains.DisposeAsync();
    }
}
