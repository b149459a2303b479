using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>The main path and its planted faults: one service, real sockets, the simulator as the fleet.</summary>
public sealed class MainPathTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_fleet_lets_itself_in_and_takes_a_version_in_phases_and_a_bad_one_is_stopped()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 40, "amr");
        await _fleet.Publish("amr", "1.1.0");
        string good = await _fleet.StartRollout(Rollouts.Request("amr", "1.1.0", Rollouts.Plan(percents: [5, 25, 100])));
        var done = await _fleet.RolloutIs(good, "completed");
        Assert.Equal(40, done.Outcome("succeeded"));
        Assert.Equal(40, await _fleet.CountDevices("model:amr and firmware:1.1.0"));

        await _fleet.Publish("amr", "1.2.0", bad: true);
        string bad = await _fleet.StartRollout(Rollouts.Request("amr", "1.2.0", Rollouts.Plan(percents: [10, 100])));
        var stopped = await _fleet.RolloutIs(bad, "paused");
        Assert.Equal("gate", (string?)stopped["stopReason"]);
        Assert.Contains("50", (string)stopped["stopDetail"]!, StringComparison.Ordinal);
        int touched = 40 - (int)stopped["counts"]!["pending"]!;
        Assert.InRange(touched, 3, 4);
        Assert.True(await _fleet.CountDevices("model:amr and firmware:1.1.0") >= 36);
    }

    [Fact]
    public async Task A_corrupted_block_and_a_dropped_connection_are_mended_by_the_device()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 10, "hardy", "--fail", "corrupt:0.5", "--fail", "drop:0.5", "--block-size", "16384");
        await _fleet.Publish("hardy", "1.1.0");
        string id = await _fleet.StartRollout(Rollouts.Request("hardy", "1.1.0"));
        Assert.Equal(10, (await _fleet.RolloutIs(id, "completed")).Outcome("succeeded"));
    }

    [Fact]
    public async Task A_device_that_fails_to_install_has_failed_and_keeps_its_version()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 2, "clumsy", "--fail", "install:1");
        await _fleet.Publish("clumsy", "1.1.0");
        string id = await _fleet.StartRollout(Rollouts.Request("clumsy", "1.1.0"));
        Assert.Equal(2, (await _fleet.RolloutIs(id, "completed")).Outcome("failed"));
        Assert.Equal(2, await _fleet.CountDevices("model:clumsy and firmware:1.0.0"));
    }

    [Fact]
    public async Task A_device_that_comes_back_with_the_old_version_has_not_succeeded()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 2, "stubborn", "--fail", "boot:1");
        await _fleet.Publish("stubborn", "1.1.0");
        string id = await _fleet.StartRollout(Rollouts.Request("stubborn", "1.1.0"));
        var done = await _fleet.RolloutIs(id, "completed");
        Assert.Equal(2, done.Outcome("rolledBack") + done.Outcome("failed"));
        Assert.Equal(2, await _fleet.CountDevices("model:stubborn and firmware:1.0.0"));
    }

    [Fact]
    public async Task A_device_that_goes_silent_runs_into_the_confirming_deadline()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 2, "mute", "--fail", "silent:1");
        await _fleet.Publish("mute", "1.1.0");
        string id = await _fleet.StartRollout(Rollouts.Request("mute", "1.1.0", Rollouts.Plan(confirmingSeconds: 3)));
        Assert.Equal(2, (await _fleet.RolloutIs(id, "completed")).Outcome("timedOutConfirming"));
    }

    [Fact]
    public async Task Pause_takes_back_what_nobody_started_and_resume_goes_on()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 6, "calm");
        await _fleet.Publish("calm", "1.1.0");
        var plan = Rollouts.Plan();
        plan["rate"] = new JsonObject { ["basePerMinute"] = 60, ["maximumPerMinute"] = 60 };
        string id = await _fleet.StartRollout(Rollouts.Request("calm", "1.1.0", plan));
        await _fleet.Api(HttpMethod.Post, $"rollouts/{id}/pause");
        var paused = await _fleet.RolloutIs(id, "paused");
        Assert.Equal(0, (int)paused["counts"]!["queued"]!);
        await _fleet.Api(HttpMethod.Post, $"rollouts/{id}/resume");
        Assert.Equal(6, (await _fleet.RolloutIs(id, "completed")).Outcome("succeeded"));
    }

    [Fact]
    public async Task Cancel_ends_everything_whatever_the_devices_do()
    {
        await using var device = await WireDevice.New(_fleet, "deaf-1", "deaf");
        await _fleet.Publish("deaf", "1.1.0");
        string id = await _fleet.StartRollout(Rollouts.Request("deaf", "1.1.0"));
        await _fleet.RolloutReaches(id, r => (int)r["counts"]!["queued"]! == 1);
        await _fleet.Api(HttpMethod.Post, $"rollouts/{id}/cancel");
        Assert.Equal(1, (await _fleet.RolloutIs(id, "cancelled")).Outcome("cancelled"));
        var pending = await device.Ask("$aws/things/deaf-1/jobs/get", new JsonObject());
        Assert.Empty(pending["queuedJobs"]!.AsArray());
    }

    [Fact]
    public async Task A_large_file_goes_over_http_with_a_signed_url()
    {
        await using var devices = await SimulatedDevices.Start(_fleet, 2, "big");
        await _fleet.Publish("big", "1.1.0", size: "17MiB");
        string id = await _fleet.StartRollout(Rollouts.Request("big", "1.1.0"));
        Assert.Equal(2, (await _fleet.RolloutIs(id, "completed")).Outcome("succeeded"));
        using var metrics = new HttpClient { BaseAddress = _fleet.Metrics };
        string text = await metrics.GetStringAsync("/metrics");
        Assert.Contains("download", text, StringComparison.Ordinal);
    }
}
