using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>kill -9 in the middle: nothing acknowledged is lost, and no device installs twice.</summary>
public sealed class RestartTests
{
    private const int Devices = 40;

    [Fact]
    public async Task A_rollout_goes_on_after_the_service_was_killed_in_its_middle()
    {
        await using var fleet = await FleetService.Start();
        await using var devices = await SimulatedDevices.Start(fleet, Devices, "amr", "--block-size", "16384");
        await fleet.Publish("amr", "1.1.0", size: "512KiB");
        var plan = Rollouts.Plan(concurrency: 10, percents: [25, 100]);
        string id = await fleet.StartRollout(Rollouts.Request("amr", "1.1.0", plan));

        await fleet.RolloutReaches(id, r => r.Outcome("succeeded") is >= 5 and < Devices);
        await fleet.Kill();
        await fleet.StartAgain();

        var done = await fleet.RolloutIs(id, "completed");
        Assert.Equal(Devices, done.Outcome("succeeded"));
        Assert.Equal(Devices, await fleet.CountDevices("model:amr and firmware:1.1.0"));
        await devices.Terminate(CancellationToken.None);
        Assert.Equal(Devices, InstallsOnDisk(fleet, "amr"));
    }

    /// <summary>Every install that the devices wrote down, whoever believes to have ordered it.</summary>
    private static int InstallsOnDisk(FleetService fleet, string model) =>
        Directory.EnumerateFiles(SimulatedDevices.DataOf(fleet, model), "state.json", SearchOption.AllDirectories)
            .Select(file => JsonNode.Parse(File.ReadAllText(file))!)
            .Sum(state => ((JsonObject)state["installs"]!).Sum(i => (int)i.Value!));
}
