using System.Diagnostics;
using System.Globalization;
using Fleet.FuzzTests;
using Xunit.Runner.InProc.SystemConsole;

// The test runner starts this program as well, with arguments of its own: none of them begins with two dashes.
if (args is [var first, ..] && !first.StartsWith("--", StringComparison.Ordinal)) return await ConsoleRunner.Run(args);

// dotnet run --project tests/Fleet.FuzzTests -c Release -- [--minutes 60] [--seed 1] [--only channel|sockets]
double minutes = 1;
int seed = 1;
string only = "";
for (int i = 0; i < args.Length; i += 2)
{
    string value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} wants a value.");
    switch (args[i])
    {
        case "--minutes": minutes = double.Parse(value, CultureInfo.InvariantCulture); break;
        case "--seed": seed = int.Parse(value, CultureInfo.InvariantCulture); break;
        case "--only": only = value; break;
        default: throw new ArgumentException($"{args[i]} is none of --minutes, --seed, --only.");
    }
}

var part = TimeSpan.FromMinutes(only.Length > 0 ? minutes : minutes / 2);
try
{
    if (only != "sockets")
    {
        var clock = Stopwatch.StartNew();
        Console.WriteLine(ChannelFuzzer.Run(seed, () => clock.Elapsed > part, Console.Out));
    }
    if (only != "channel") Console.WriteLine(await SocketFuzzer.Run(seed, part, Console.Out));
    return 0;
}
catch (FuzzFailedException e)
{
    Console.WriteLine($"FAILED: {e.Message}\n{e.InnerException}");
    return 1;
}
