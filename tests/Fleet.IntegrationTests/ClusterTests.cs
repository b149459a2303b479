using System.Text;
using Fleet.IntegrationTests.Support;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>Two gateways, real TLS, the real storage: what a device sees when it changes its gateway.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private ClusterHost _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterHost.Start();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_device_takes_its_session_to_another_gateway_and_is_heard_from_there()
    {
        using var certificate = await _cluster.Enrol("amr-1");
        var (older, _) = await _cluster.Connect(_cluster.FirstPort, certificate, "amr-1");
        Assert.Equal(ReasonCode.GrantedQos1, await older.SubscribeAsync("$aws/things/amr-1/shadow/update/accepted", Qos.AtLeastOnce));
        var (newer, inbox) = await _cluster.Connect(_cluster.SecondPort, certificate, "amr-1");
        Assert.Equal(ReasonCode.SessionTakenOver, (await older.Closed.WaitAsync(Eventually.Patience)).ReasonCode);
        Assert.True(newer.Connection.SessionPresent);

        // The subscription came along.
        Assert.Equal(ReasonCode.Success, await newer.PublishAsync(
            "$aws/things/amr-1/shadow/update", Encoding.UTF8.GetBytes("""{"state":{"reported":{"x":1}}}"""), Qos.AtLeastOnce));
        using var patience = new CancellationTokenSource(Eventually.Patience);
        Assert.Equal("$aws/things/amr-1/shadow/update/accepted", (await inbox.ReadAsync(patience.Token)).Topic);
        Assert.Equal(Connectivity.Connected, (await Device("amr-1").Get())!.Connectivity);
        await older.DisposeAsync();
        await newer.DisposeAsync();
    }

    [Fact]
    public async Task A_gateway_that_ends_in_good_order_leaves_no_device_behind()
    {
        using var certificate = await _cluster.Enrol("amr-1");
        var (device, _) = await _cluster.Connect(_cluster.SecondPort, certificate, "amr-1");
        await _cluster.StopSecond();
        await Eventually.True(async () => (await Device("amr-1").Get())!.Connectivity == Connectivity.Disconnected, () => "still connected");
        var (back, _) = await _cluster.Connect(_cluster.FirstPort, certificate, "amr-1");
        Assert.Equal(Connectivity.Connected, (await Device("amr-1").Get())!.Connectivity);
        await device.DisposeAsync();
        await back.DisposeAsync();
    }

    [Fact]
    public async Task A_revoked_certificate_is_of_no_use_anywhere_within_a_second()
    {
        using var certificate = await _cluster.Enrol("amr-1");
        var (device, _) = await _cluster.Connect(_cluster.SecondPort, certificate, "amr-1");
        Assert.True(await _cluster.Grains.GetGrain<ICertificateGrain>(ClusterHost.IdOf(certificate).Value).Revoke());
        Assert.Equal(ReasonCode.AdministrativeAction, (await device.Closed.WaitAsync(TimeSpan.FromSeconds(1))).ReasonCode);
        await Assert.ThrowsAnyAsync<Exception>(() => _cluster.Connect(_cluster.FirstPort, certificate, "amr-1"));
        await device.DisposeAsync();
    }

    private IDeviceGrain Device(string thing) => _cluster.Grains.GetGrain<IDeviceGrain>(thing);
}
