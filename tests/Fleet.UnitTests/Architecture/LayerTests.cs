using System.Reflection;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Inside a project, namespaces form layers (design, section 1): none of them uses itself by way of others. A parent and its child are two
/// namespaces like any others.
/// </summary>
public sealed class LayerTests
{
    [Theory]
    [InlineData("Fleet.Silo", "silo")]
    [InlineData("Fleet.Gateway", "gateway")]
    [InlineData("Fleet.Grains", "grains")]
    [InlineData("Fleet.GrainInterfaces", "grain-interfaces")]
    [InlineData("Fleet.Mqtt", "mqtt")]
    [InlineData("Fleet.DeviceSim", "device-sim")]
    public void Namespaces_form_layers(string assembly, string folder)
    {
        string? cycle = NamespaceGraph.Of(Assembly.Load(assembly), folder).Cycle();
        Assert.True(cycle is null, $"Namespaces of {folder} go in a circle:\n{cycle}");
    }

    [Fact]
    public void A_use_is_seen_whether_or_not_a_using_line_says_so()
    {
        var silo = NamespaceGraph.Of(Assembly.Load("Fleet.Silo"), "silo");
        Assert.True(silo.Has("Fleet.Silo.Storage.Sqlite", "Fleet.Silo.Storage"));
        Assert.False(silo.Has("Fleet.Silo.Storage", "Fleet.Silo.Storage.Sqlite"));
        silo.Add("Fleet.Silo.Storage", "Fleet.Silo.Storage.Sqlite", "made up");
        Assert.Contains("Fleet.Silo.Storage → Fleet.Silo.Storage.Sqlite (made up)", silo.Cycle(), StringComparison.Ordinal);
    }
}
