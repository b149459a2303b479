using System.Diagnostics;
using System.Globalization;

namespace Fleet.FuzzTests;

/// <summary>A minute in all; an hour by command (Program.cs). The seed of a failure is in its message, and shows it again.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    /// <summary>FLEET_FUZZ_SECONDS, for each of the two.</summary>
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("FLEET_FUZZ_SECONDS") ?? "25", CultureInfo.InvariantCulture));

    /// <summary>FLEET_FUZZ_SEED: the same every time, so that a change is tested and not luck. The hour by command is for luck.</summary>
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("FLEET_FUZZ_SEED") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public void The_channel_has_three_outcomes()
    {
        var clock = Stopwatch.StartNew();
        using var log = new StringWriter();
        var report = ChannelFuzzer.Run(Seed, () => clock.Elapsed > Duration, log);
        output.WriteLine($"seeds from {Seed}: {report}\n{log}");
        Assert.True(report.Packets > report.Stories, $"{report}");
    }

    [Fact]
    public async Task A_service_serves_others_meanwhile()
    {
        using var log = new StringWriter();
        var report = await SocketFuzzer.Run(Seed, Duration, log);
        output.WriteLine($"seed {Seed}: {report}\n{log}");
        Assert.True(report.Packets > report.Stories, $"{report}");
    }
}
