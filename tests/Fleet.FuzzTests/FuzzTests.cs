using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Fleet.FuzzTests;

/// <summary>A minute in all; an hour by command (Program.cs). The seed of a failure is in its message, and shows it again.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    /// <summary>FLEET_FUZZ_SECONDS, for each of the two.</summary>
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("FLEET_FUZZ_SECONDS") ?? "25", CultureInfo.InvariantCulture));

    [Fact]
    public void The_channel_has_three_outcomes()
    {
        int seed = Environment.TickCount & 0x3FFF_FFFF;
        var clock = Stopwatch.StartNew();
        using var log = new StringWriter();
        var report = ChannelFuzzer.Run(seed, () => clock.Elapsed > Duration, log);
        output.WriteLine($"seeds from {seed}: {report}\n{log}");
        Assert.True(report.Packets > report.Stories, $"{report}");
    }

    [Fact]
    public async Task A_service_serves_others_meanwhile()
    {
        int seed = Environment.TickCount & 0x3FFF_FFFF;
        using var log = new StringWriter();
        var report = await SocketFuzzer.Run(seed, Duration, log);
        output.WriteLine($"seed {seed}: {report}\n{log}");
        Assert.True(report.Packets > report.Stories, $"{report}");
    }
}
