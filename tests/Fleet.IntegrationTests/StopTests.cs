using System.Net;
using System.Net.Sockets;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>SIGTERM, whatever is under way: the process ends by itself, and says nothing alarming.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task A_request_that_never_ends_does_not_keep_the_silo_from_stopping_in_good_order()
    {
        await using var fleet = await FleetService.Start();
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, fleet.Http.Port);
        await tcp.GetStream().WriteAsync("GET /api/v1/claims HTT"u8.ToArray());
        using var patience = new CancellationTokenSource(Eventually.Patience);
        await fleet.Terminate(patience.Token);
        Assert.DoesNotContain("Lifecycle stop", fleet.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", fleet.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_is_told_to_stop_while_it_starts_ends_with_0()
    {
        string folder = Directory.CreateTempSubdirectory("fleet-stop-").FullName;
        await using var process = ChildProcess.Start("Fleet.Silo",
            $"--Fleet:DataDirectory={folder}", "--Fleet:Http:Port=0", "--Fleet:Metrics:Port=0", "--Fleet:Gateway:MqttsPort=0");
        // The database is open; the silo starts next.
        await Eventually.True(() => Task.FromResult(File.Exists(Path.Combine(folder, "fleet.db-wal"))), () => process.Output);
        using var patience = new CancellationTokenSource(Eventually.Patience);
        await process.Terminate(patience.Token);
        Assert.True(process.ExitCode is 0, process.Output);
        Directory.Delete(folder, recursive: true);
    }
}
