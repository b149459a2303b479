namespace Fleet.InteropTests;

/// <summary>What of other people's is on this machine. A path that starts with <c>npm:</c> is a package in <see cref="NodeModules"/>.</summary>
internal static class Strangers
{
    /// <summary>A folder that holds <c>node_modules</c>, from FLEET_TEST_NPM; .ci/run fills one.</summary>
    public static string? NodeModules { get; } = Environment.GetEnvironmentVariable("FLEET_TEST_NPM");

    /// <summary>Debian's interpreter, which sees Debian's packages; another may stand first in PATH.</summary>
    public const string Python = "/usr/bin/python3";

    /// <summary>A source of ours for a client of theirs.</summary>
    public static string Client(string name) => Path.Combine(AppContext.BaseDirectory, "Clients", name);

    /// <summary>Skips the test, and says what is missing, where the program is not installed.</summary>
    public static void Need(string program, string package)
    {
        bool there = program switch
        {
            _ when program.StartsWith("npm:", StringComparison.Ordinal) =>
                InPath("node") && NodeModules is { } folder && Directory.Exists(Path.Combine(folder, "node_modules", program[4..])),
            _ when Path.IsPathRooted(program) => File.Exists(program) || Directory.Exists(program),
            _ => InPath(program),
        };
        Assert.SkipUnless(there, $"{program} is not installed ({package}).");
    }

    private static bool InPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));
}
