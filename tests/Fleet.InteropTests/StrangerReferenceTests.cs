using System.Reflection;

namespace Fleet.InteropTests;

/// <summary>MQTTnet is a guest of the samples and of these tests (ADR 2), and the samples know the service by its wire alone.</summary>
public sealed class StrangerReferenceTests
{
    private const string Sample = "Fleet.Samples.DotnetDevice";

    [Fact]
    public void Only_the_sample_and_these_tests_use_mqttnet() =>
        Assert.Equal(["Fleet.InteropTests", Sample], Ours().Where(name => Uses(name, "MQTTnet")).Order());

    [Fact]
    public void The_sample_uses_nothing_of_ours() => Assert.False(Uses(Sample, "Fleet."));

    private static IEnumerable<string> Ours() =>
        Directory.EnumerateFiles(AppContext.BaseDirectory, "Fleet.*.dll").Select(file => Path.GetFileNameWithoutExtension(file));

    private static bool Uses(string assembly, string start) =>
        Assembly.Load(assembly).GetReferencedAssemblies().Any(other => other.Name!.StartsWith(start, StringComparison.Ordinal));
}
