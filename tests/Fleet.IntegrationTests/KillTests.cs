using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>
/// kill -9 at random moments of rollouts, again and again, with writers that never rest. <c>FLEET_KILLS</c> says how often (10), <c>FLEET_KILL_SEED</c>
/// which moments (1); <c>tests/kill-nine.sh</c> is the long run.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Devices = 30;
    private const int LongestLifeMs = 2_000;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_and_no_device_installs_twice_however_often_the_service_is_killed()
    {
        int kills = Setting("FLEET_KILLS", 10), seed = Setting("FLEET_KILL_SEED", 1), inTheMiddle = 0;
        var moments = new Random(seed);
        await using var fleet = await FleetService.Start();
        await using var devices = await SimulatedDevices.Start(fleet, Devices, "amr", "--block-size", "16384");
        var writers = await AcknowledgedWrites.Start(fleet);
        var rollouts = new RolloutSeries(fleet);

        for (int kill = 1; kill <= kills; kill++)
        {
            await rollouts.KeepOneOpen();
            var written = writers.WriteUntilKilled(fleet);
            await Task.Delay(TimeSpan.FromMilliseconds(moments.Next(LongestLifeMs)), TimeProvider.System);
            if (await rollouts.IsOpen()) inTheMiddle++;
            writers.KillIsComing();
            await fleet.Kill();
            await written;
            await fleet.StartAgain();

            await writers.AllAreThere(fleet, $"after kill {kill} of seed {seed}");
            await rollouts.CountsNothingLess();
        }
        await rollouts.AllSucceed(Devices);
        await writers.ClaimsAreStillThere(fleet);
        await devices.Terminate(CancellationToken.None);

        var installs = InstallsOf(fleet);
        Assert.Equal(Devices * rollouts.Versions, installs.Length);
        Assert.All(installs, install => Assert.True(install.Times == 1, $"{install.Device} installed {install.Version} {install.Times} times"));
        output.WriteLine($"{kills} kills with seed {seed}, {inTheMiddle} of them with a rollout under way; {installs.Length} installs of {rollouts.Versions} versions; {writers}");
    }

    /// <summary>Every install that the devices wrote down, whoever believes to have ordered it.</summary>
    private static (string Device, string Version, int Times)[] InstallsOf(FleetService fleet) =>
    [
        .. from file in Directory.EnumerateFiles(SimulatedDevices.DataOf(fleet, "amr"), "state.json", SearchOption.AllDirectories)
           from install in (JsonObject)JsonNode.Parse(File.ReadAllText(file))!["installs"]!
           select (Path.GetFileName(Path.GetDirectoryName(file)!), install.Key, (int)install.Value!),
    ];

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text) : otherwise;
}

/// <summary>One rollout after the other to all devices, each of a new version.</summary>
internal sealed class RolloutSeries(FleetService fleet)
{
    private string? _id;
    private int _succeeded;

    public int Versions { get; private set; }

    public async Task KeepOneOpen()
    {
        if (await IsOpen()) return;
        string version = $"1.{++Versions}.0";
        await fleet.Publish("amr", version);
        (_id, _succeeded) = (await fleet.StartRollout(Rollouts.Request("amr", version, Rollouts.Plan(confirmingSeconds: 600, concurrency: 5))), 0);
    }

    public async Task<bool> IsOpen()
    {
        if (_id is null) return false;
        var rollout = await fleet.Get($"rollouts/{_id}");
        _succeeded = rollout.Outcome("succeeded");
        return (string?)rollout["status"] != "completed";
    }

    /// <summary>What was counted before the kill is counted after it.</summary>
    public async Task CountsNothingLess()
    {
        int before = _succeeded;
        await IsOpen();
        Assert.True(_succeeded >= before, $"{before} devices had succeeded, and now it is {_succeeded}");
    }

    public async Task AllSucceed(int devices)
    {
        var done = await fleet.RolloutIs(_id!, "completed");
        Assert.True(done.Outcome("succeeded") == devices, $"{done}\n{fleet.Output}");
        Assert.Equal(devices, await fleet.CountDevices($"model:amr and firmware:1.{Versions}.0"));
    }
}
