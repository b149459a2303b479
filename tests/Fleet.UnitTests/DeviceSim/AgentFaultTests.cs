using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Faults;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>Planted faults do what they are called.</summary>
public sealed class AgentFaultTests
{
    private static readonly Firmware Next = Firmware.Of("1.1.0", bytes: 50_000);

    [Fact]
    public async Task Install_fails_the_update_and_keeps_the_old_version()
    {
        await using var rig = await Offered("install:1");
        await rig.Cloud.Hears("FAILED: slot b cannot be written (planted)");
        await rig.PowerOff();
        Assert.Equal((Slot.A, null), (rig.State.Active, rig.State.Trial));
        Assert.Empty(rig.State.Installs);
        Assert.Equal(1, rig.Agent.View.Faults[FaultKind.Install]);
    }

    [Fact]
    public async Task Boot_comes_back_with_the_old_version_and_says_so()
    {
        await using var rig = await Offered("boot:1");
        await rig.Cloud.Hears("FAILED: rolled back: runs 1.0.0 from slot a");
        Assert.Equal(2, rig.Cloud.Told.Count(told => told == "shadow 1.0.0 a ok"));
        Assert.Equal(1, rig.State.Installs["1.1.0"]);
    }

    [Fact]
    public async Task Silent_keeps_its_connection_and_says_nothing_until_a_power_cycle()
    {
        await using var rig = await Offered("silent:1");
        await Eventually.True(() => rig.Agent.View.Connection == ConnectionState.Silent);
        Assert.Equal("step confirming", rig.Cloud.Told[^1]);
        await rig.PowerOff();
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED: runs 1.1.0 from slot b");
        Assert.Equal(1, rig.State.Installs["1.1.0"]);
    }

    [Fact]
    public async Task Corrupt_is_found_by_the_digest_and_fetched_again()
    {
        await using var rig = await Offered("corrupt:1");
        await rig.Cloud.Hears("SUCCEEDED");
        Assert.Equal((2 * 13, 1), (rig.Cloud.BlocksSent, rig.Agent.View.Faults[FaultKind.Corrupt]));
    }

    [Fact]
    public async Task Drop_loses_the_connection_once_and_resumes()
    {
        await using var rig = await Offered("drop:1");
        await rig.Cloud.Hears("SUCCEEDED");
        Assert.Equal(1, rig.Agent.View.Faults[FaultKind.Drop]);
        Assert.Equal(2, rig.Cloud.Told.Count(told => told == "shadow 1.0.0 a ok"));
        Assert.Equal(1, rig.State.Installs["1.1.0"]);
    }

    private static async Task<DeviceRig> Offered(string fault)
    {
        var rig = new DeviceRig { Faults = [fault] };
        rig.PowerOn();
        await rig.Cloud.Hears("heartbeat");
        rig.Cloud.Offer(Next);
        return rig;
    }
}
