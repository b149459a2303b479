using Fleet.Grains.Devices;
using Fleet.Interfaces.Devices;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

public sealed class DevicePresenceTests
{
    [Fact]
    public void Sessions_open_close_and_change_hands()
    {
        var device = TestDevice.Registered();
        Assert.Equal(Connectivity.Never, device.State.Connectivity);
        device.Connect("s1");
        device.After(1).Connect("s2");
        Assert.Equal(("s2", Connectivity.Connected), (device.State.Session!.SessionId, device.State.Connectivity));
        device.Disconnect();
        Assert.Equal((Connectivity.Disconnected, DisconnectReason.ClientInitiatedDisconnect), (device.State.Connectivity, device.State.DisconnectReason));
    }

    [Fact]
    public void What_an_older_session_says_late_is_ignored()
    {
        var device = TestDevice.Registered();
        device.Connect("s1");
        var early = device.Now;
        device.After(1).Connect("s2");
        var before = device.State;
        device.Do(DevicePresence.Disconnected(before, "s1", DisconnectReason.ConnectionLost, device.Now, device.Now));
        device.Do(DevicePresence.Stale(before, "s1", early, device.Now));
        device.Do(DevicePresence.Seen(before, "s1", device.Now.AddSeconds(1), device.Now));
        device.Do(DevicePresence.Connected(before, new("s1", "gateway", "::1", early, new(1)), device.Now));
        Assert.Equal(before, device.State);
    }

    [Fact]
    public void Stale_ends_when_the_device_is_heard()
    {
        var device = TestDevice.Registered();
        device.Connect("s1");
        device.After(30).Do(DevicePresence.Stale(device.State, "s1", Given.Noon, device.Now));
        Assert.Equal(Connectivity.Stale, device.State.Connectivity);
        device.After(10).Do(DevicePresence.Seen(device.State, "s1", device.Now, device.Now));
        Assert.Equal(Connectivity.Connected, device.State.Connectivity);
        Assert.All(device.Events, e => Assert.True(e.IsDurable));
    }

    [Fact]
    public void Being_heard_costs_no_write()
    {
        var device = TestDevice.Registered();
        device.Connect("s1");
        device.After(60).Do(DevicePresence.Seen(device.State, "s1", device.Now, device.Now));
        Assert.Equal(device.Now, device.State.LastSeenAt);
        Assert.False(Assert.Single(device.Events).IsDurable);
    }

    [Fact]
    public void A_report_that_says_nothing_new_costs_no_write_and_a_late_one_nothing_at_all()
    {
        var device = TestDevice.Online();
        var late = new FirmwareReport(Given.V2, false, device.State.ShadowVersion - 1, device.Now.AddSeconds(-1));
        device.After(5).Report(Given.V1);
        Assert.False(Assert.Single(device.Events).IsDurable);
        device.Do(DevicePresence.Report(device.State, late, device.Now));
        Assert.Empty(device.Events);
    }

    [Fact]
    public void What_was_said_in_an_older_session_says_nothing_of_a_device_that_came_back()
    {
        var device = TestDevice.Confirming();
        device.Disconnect();
        device.After(10).Do(DevicePresence.Connected(device.State, new("s2", "gateway", "::1", device.Now, Epoch: new(2)), device.Now));
        device.After(1).Do(DevicePresence.Report(device.State, new(Given.V1, true, 50, device.Now, SessionEpoch: new(1)), device.Now));
        Assert.Empty(device.Events);
        device.Do(DevicePresence.Report(device.State, new(Given.V2, true, 51, device.Now, SessionEpoch: new(2)), device.Now));
        Assert.Equal(Interfaces.Jobs.JobOutcome.Succeeded, device.Execution.Outcome);
    }

    [Fact]
    public void A_shadow_that_was_deleted_and_counts_from_one_again_is_heard()
    {
        var device = TestDevice.Online();
        device.Report(Given.V1);
        device.After(1).Do(DevicePresence.Report(device.State, new(Given.V2, null, 1, device.Now), device.Now));
        Assert.Equal((Given.V2, true), (device.State.Firmware!.Value, device.State.Healthy));
    }

    [Fact]
    public void Nobody_registered_is_nobody()
    {
        var device = new TestDevice();
        device.Connect("s1");
        device.Report(Given.V1);
        Assert.Equal(new DeviceState(), device.State);
        Assert.Null(DeviceViews.Of(device.State));
    }
}
