using System.Runtime.CompilerServices;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>
/// The command that docs/cluster.md tells operators to try: two silos and two gateways, each a process of its own, roll firmware out to 500 devices, and
/// one of each is killed (SIGKILL) in the middle.
/// </summary>
public sealed class RehearsalTests
{
    private static readonly string Script = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "deploy", "cluster", "rehearsal.cs"));

    [Fact]
    public async Task Every_device_is_updated_once_though_a_silo_and_a_gateway_are_killed_in_the_middle()
    {
        if (PostgresServer.Missing is { } reason) Assert.Skip(reason);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(8));
        await using var rehearsal = ChildProcess.Start("dotnet", "run", Script, "--",
            "--postgres", Environment.GetEnvironmentVariable(PostgresServer.Variable)!, "--devices", "500", "--binaries", AppContext.BaseDirectory);
        Assert.True(await rehearsal.Exited(patience.Token) == 0, rehearsal.Output);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
