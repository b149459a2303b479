using Fleet.Grains.Devices;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

public sealed class DeviceRegistryTests
{
    private const string Claim = "c1";

    [Fact]
    public void Attributes_are_merged_and_a_repeat_changes_nothing()
    {
        var device = new TestDevice();
        Assert.Equal(new RegisterDeviceResult.Registered(Created: true), Register(device, Claim, ("site", "tokyo"), ("line", "1")));
        Assert.Equal(new RegisterDeviceResult.Registered(Created: false), Register(device, Claim, ("line", "2")));
        Assert.Equal(["2", "tokyo"], device.State.Attributes!.Values);
        Register(device, Claim, ("line", "2"));
        Assert.Empty(device.Events);
    }

    [Fact]
    public void A_model_does_not_change()
    {
        var device = new TestDevice();
        Register(device, Claim);
        var other = new DeviceRegistration(Given.Name<ModelName>("dog"), ImmutableSortedDictionary<string, string>.Empty, Claim);
        Assert.Equal("model", Assert.IsType<RegisterDeviceResult.Conflict>(device.Do(DeviceRegistry.Register(device.State, TestDevice.Thing, other, device.Now))).Field);
    }

    [Fact]
    public void Another_claim_cannot_take_a_device_over_unless_it_is_bound_to_it()
    {
        var device = new TestDevice();
        Register(device, Claim);
        Assert.Equal("thing", Assert.IsType<RegisterDeviceResult.Conflict>(Register(device, "c2")).Field);
        Assert.IsType<RegisterDeviceResult.Registered>(Register(device, DeviceRegistration.ByOperator, ("site", "tokyo")));
        Assert.Equal(Claim, device.State.RegisteredBy);
        var bound = new DeviceRegistration(Given.Amr, ImmutableSortedDictionary<string, string>.Empty, "c2", Bound: true);
        Assert.IsType<RegisterDeviceResult.Registered>(device.Do(DeviceRegistry.Register(device.State, TestDevice.Thing, bound, device.Now)));
        Assert.Equal("c2", device.State.RegisteredBy);
    }

    [Theory]
    [InlineData("Site", "x", "attributes")]
    [InlineData("", "x", "attributes")]
    [InlineData("site", "", "attributes.site")]
    public void What_is_out_of_range_is_named(string name, string value, string field) =>
        Assert.Equal(field, Assert.IsType<RegisterDeviceResult.Invalid>(Register(new TestDevice(), Claim, (name, value))).Field);

    [Fact]
    public void Fifty_attributes_are_the_most()
    {
        var many = Enumerable.Range(0, 51).Select(i => ($"a{i}", "x")).ToArray();
        Assert.IsType<RegisterDeviceResult.Registered>(Register(new TestDevice(), Claim, many[..50]));
        Assert.IsType<RegisterDeviceResult.Invalid>(Register(new TestDevice(), Claim, many));
    }

    private static RegisterDeviceResult Register(TestDevice device, string by, params (string Name, string Value)[] attributes) => device.Do(DeviceRegistry.Register(
        device.State, TestDevice.Thing, new(Given.Amr, attributes.ToImmutableSortedDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal), by), device.Now));
}
