using System.Reflection;

namespace Fleet.UnitTests.Architecture;

/// <summary>Who may use whom (design, section 1).</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData("Fleet.Mqtt", "")]
    [InlineData("Fleet.GrainInterfaces", "")]
    [InlineData("Fleet.Grains", "Fleet.GrainInterfaces")]
    [InlineData("Fleet.Gateway", "Fleet.GrainInterfaces Fleet.Mqtt")]
    [InlineData("Fleet.DeviceSim", "Fleet.Mqtt")]
    public void Refers_only_to(string assembly, string allowed) =>
        Assert.Empty(Assembly.Load(assembly).GetReferencedAssemblies().Select(a => a.Name!)
            .Where(name => name.StartsWith("Fleet.", StringComparison.Ordinal)).Except(allowed.Split(' ')));
}
