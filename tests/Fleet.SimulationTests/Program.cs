using System.Diagnostics;
using System.Globalization;
using Fleet.SimulationTests;
using Fleet.SimulationTests.Gateways;
using Fleet.SimulationTests.World;
using Xunit.Runner.InProc.SystemConsole;

// The test runner starts this program as well, with arguments of its own: none of them begins with two dashes.
if (args is [var first, ..] && !first.StartsWith("--", StringComparison.Ordinal)) return await ConsoleRunner.Run(args);

// One seed, a range of them, a large fleet, or gateways: docs/simulation.md.
int seed = 1, count = 1, large = 0;
bool gateways = false;
int? devices = null;
string? historyPath = null;
for (int i = 0; i < args.Length; i += 2)
{
    if (args[i] == "--gateways")
    {
        gateways = true;
        i--;
        continue;
    }
    string value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} wants a value.");
    switch (args[i])
    {
        case "--seed": seed = int.Parse(value, CultureInfo.InvariantCulture); break;
        case "--count": count = int.Parse(value, CultureInfo.InvariantCulture); break;
        case "--devices": devices = int.Parse(value, CultureInfo.InvariantCulture); break;
        case "--large": large = int.Parse(value, CultureInfo.InvariantCulture); break;
        case "--history": historyPath = value; break;
        default: throw new ArgumentException($"{args[i]} is none of --seed, --count, --devices, --large, --gateways, --history.");
    }
}

using var history = historyPath is null ? null : new StreamWriter(historyPath);
int failed = 0;
var watch = Stopwatch.StartNew();
for (int i = 0; i < count; i++)
{
    if (gateways && devices is not null)
    {
        var away = FailoverTimeTests.Measure(seed + i, history);
        Console.WriteLine($"seed {seed + i}: {away.Length} devices were away for {away[0]} to {away[^1]}, half of them for {away[away.Length / 2]}");
        continue;
    }
    if (gateways)
    {
        var passed = GatewayRun.Of(seed + i, history: history);
        if (count == 1) Console.WriteLine($"seed {passed.Seed}: {passed.VirtualTime} virtual time, {passed.Lines} events, {passed.Turns} turns, history {passed.Digest}");
        if (passed.Failure is not { } broken) continue;
        failed++;
        Console.WriteLine(count == 1 ? broken : broken.Split('\n')[^2]);
        continue;
    }
    var run = SimulationRun.Of(large > 0 ? SimulationSettings.Large(seed + i, large) : SimulationSettings.Draw(seed + i, devices), history);
    if (run.Failure is { } failure)
    {
        failed++;
        Console.WriteLine(failure);
    }
    if (count == 1)
    {
        Console.WriteLine(run.Standing);
        Console.WriteLine($"seed {run.Seed}: {run.VirtualTime} virtual time, {run.Lines} events, {run.Turns} turns, history {run.Digest}");
    }
}
double cpu = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;
Console.WriteLine($"{count} seeds from {seed}, {failed} failed, {watch.Elapsed.TotalSeconds:0.0} s, {cpu:0.0} s of CPU, {GC.GetTotalPauseDuration().TotalSeconds:0.0} s of it for garbage ({GC.CollectionCount(0)}, {GC.CollectionCount(1)}, {GC.CollectionCount(2)}), {Environment.WorkingSet / (1024 * 1024)} MiB");
return failed == 0 ? 0 : 1;
