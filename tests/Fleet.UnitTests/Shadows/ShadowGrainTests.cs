using System.Text;
using System.Text.Json.Nodes;
using Fleet.Grains.Shadows;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Shadows;
using Fleet.UnitTests.Certificates;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Shadows;

public sealed class ShadowGrainTests : IAsyncLifetime
{
    private FleetUnderTest _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetUnderTest.Start();
        Assert.True(ModelName.TryParse("amr", out var model));
        await Device.Register(new DeviceRegistration(model, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task When_an_update_is_accepted_the_device_grain_knows_its_firmware()
    {
        var answers = await Shadow.Update("""{"state":{"reported":{"firmware":{"version":"1.1.0","slot":"b"},"health":"ok"}}}"""u8.ToArray());
        Assert.EndsWith("/update/accepted", answers[^1].Topic, StringComparison.Ordinal);
        var device = await Device.Get();
        Assert.Equal(("1.1.0", true), (device!.Firmware?.Value, device.Healthy));
    }

    [Fact]
    public async Task A_rejected_update_reports_nothing()
    {
        await Shadow.Update("""{"state":{"reported":{"firmware":{"version":"1.1.0"}}},"version":7}"""u8.ToArray());
        Assert.Null((await Device.Get())!.Firmware);
    }

    [Fact]
    public async Task A_shadow_that_could_not_be_written_is_not_changed()
    {
        await Shadow.Update("""{"state":{"reported":{"a":1}}}"""u8.ToArray());
        _fleet.Storage.NextFailure = new IOException("disk");
        await Assert.ThrowsAsync<OrleansException>(() => Shadow.Update("""{"state":{"reported":{"a":2}}}"""u8.ToArray()));
        Assert.Equal(1, (int)JsonNode.Parse((await Shadow.Get(default)).Payload.Span)!["state"]!["reported"]!["a"]!);
    }

    [Fact]
    public async Task Two_shadows_of_a_thing_are_two()
    {
        var named = _fleet.Grains.GetGrain<IShadowGrain>("amr-1/config");
        await named.Update("""{"state":{"desired":{"a":1}}}"""u8.ToArray());
        Assert.Contains("\"code\":404", Encoding.UTF8.GetString((await Shadow.Get(default)).Payload.Span), StringComparison.Ordinal);
        Assert.Equal("$aws/things/amr-1/shadow/name/config/get/accepted", (await named.Get(default)).Topic);
    }

    [Fact]
    public async Task A_report_that_a_crash_left_behind_is_told_when_the_shadow_wakes()
    {
        var before = new ShadowUnderTest();
        before.Accept("""{"state":{"reported":{"firmware":{"version":"1.1.0"},"health":"ok"}}}""");
        await _fleet.Storage.WriteStateAsync("shadow", Shadow.GetGrainId(), new GrainState<ShadowState>(before.State));

        await Shadow.Get(default);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        while ((await Device.Get())!.Firmware is null)
        {
            limit.Token.ThrowIfCancellationRequested();
            _fleet.Time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }
        Assert.Equal("1.1.0", (await Device.Get())!.Firmware!.Value.Value);
    }

    private IShadowGrain Shadow => _fleet.Grains.GetGrain<IShadowGrain>("amr-1");

    private IDeviceGrain Device => _fleet.Grains.GetGrain<IDeviceGrain>("amr-1");
}
