using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

/// <summary>The shells, on a host: what the pure cores cannot show.</summary>
public sealed class RolloutGrainTests
{
    private static readonly RolloutPlan Fast = Given.Plan with
    {
        Phases = [new(20), new(100)],
        Rate = Given.Plan.Rate with { BasePerMinute = 600, MaximumPerMinute = 600 },
    };

    [Fact]
    public async Task A_rollout_reaches_every_device_once()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 25);
        var created = Assert.IsType<CreateRolloutResult.Created>(await fleet.Rollout.Create(Given.Request(Fast)));
        Assert.Equal((25, 5), (created.Rollout.TargetSize, created.Rollout.PhaseSize));

        var end = await fleet.Until(view => view.EndedAt is not null, device => device.Work());
        Assert.Equal(RolloutStatus.Completed, end.Status);
        Assert.Equal([KeyValuePair.Create(JobOutcome.Succeeded, 25)], end.Counts.Outcomes);
        Assert.All(fleet.Devices, device => Assert.Equal(1, device.Installed));
        var page = await fleet.Rollout.GetExecutions(after: 19, limit: 3);
        Assert.Equal([20L, 21L, 22L], page.Executions.Select(e => e.Position));
        // Told once that there is a job, and once that there is none.
        Assert.All(fleet.Devices, device => Assert.Equal(2, fleet.Notifications.Count(n => n.Thing == device.Thing && n.SendNext)));
    }

    [Fact]
    public async Task A_repeated_create_answers_as_the_first_did_and_another_request_is_refused()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 2);
        var first = Assert.IsType<CreateRolloutResult.Created>(await fleet.Rollout.Create(Given.Request(Fast)));
        var again = Assert.IsType<CreateRolloutResult.Created>(await fleet.Rollout.Create(Given.Request(Fast with { Phases = [new(20), new(100)] })));
        Assert.Equal(first.Rollout.CreatedAt, again.Rollout.CreatedAt);
        Assert.IsType<CreateRolloutResult.Conflict>(await fleet.Rollout.Create(Given.Request(Given.Plan)));
    }

    [Fact]
    public async Task A_target_that_cannot_be_is_refused_by_name()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 1);
        async Task<string> Refused(RolloutRequest request) =>
            Assert.IsType<CreateRolloutResult.Invalid>(await fleet.Rollout.Create(request)) is var invalid ? $"{invalid.Field}: {invalid.Detail}" : "";

        Assert.Equal("target.things[1]: There is no device 'nobody'.", await Refused(Given.Request() with
        {
            Target = new(null, [Given.Thing(0), Given.Name<Interfaces.Naming.ThingName>("nobody")]),
        }));
        Assert.Equal("target.query: It finds no device.", await Refused(Given.Request() with { Target = new("model:amr and site:x", null) }));
        Assert.StartsWith("target.query: At 9", await Refused(Given.Request() with { Target = new("firmware<2.x", null) }), StringComparison.Ordinal);
        Assert.StartsWith("firmware.version: There is no firmware 1.0.0", await Refused(Given.Request() with { Version = Given.V1 }), StringComparison.Ordinal);

        await fleet.Grains.GetGrain<IDeviceGrain>("other").Register(
            new(Given.Name<Interfaces.Naming.ModelName>("dog"), ImmutableSortedDictionary<string, string>.Empty.Add("site", "x"), DeviceRegistration.ByOperator));
        Assert.Equal("target.query: It finds 'other', a 'dog'; the firmware is for 'amr'.", await Refused(Given.Request() with { Target = new("site:x", null) }));
        Assert.Null(await fleet.Rollout.Get());
    }

    [Fact]
    public async Task A_pause_takes_back_what_no_device_has_started_and_a_resume_offers_it_again()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 20);
        await fleet.Rollout.Create(Given.Request(Fast with { Phases = [new(100)] }));
        await fleet.Until(view => view.Counts.Queued >= 8);
        var started = fleet.Devices[0];
        foreach (var device in fleet.Devices.Take(3)) await device.Work();

        Assert.IsType<RolloutCommandResult.Accepted>(await fleet.Await(fleet.Rollout.Pause()));
        var paused = await fleet.Until(view => view.Status is RolloutStatus.Paused);
        Assert.Equal(0, paused.Counts.Queued);
        var open = await Task.WhenAll(fleet.Devices.Select(async d => (await d.Grain.GetPendingJobs()).Queued.Length));
        Assert.Equal(0, open.Sum());
        Assert.IsType<RolloutCommandResult.Accepted>(await fleet.Await(fleet.Rollout.Pause()));

        Assert.IsType<RolloutCommandResult.Accepted>(await fleet.Await(fleet.Rollout.Resume()));
        var end = await fleet.Until(view => view.EndedAt is not null, device => device.Work());
        Assert.Equal([KeyValuePair.Create(JobOutcome.Succeeded, 20)], end.Counts.Outcomes);
        Assert.All(fleet.Devices, device => Assert.Equal(1, device.Installed));
        Assert.Equal(RolloutStatus.Completed, Assert.IsType<RolloutCommandResult.NotAllowed>(await fleet.Await(fleet.Rollout.Pause())).Status);
    }

    [Fact]
    public async Task A_bad_version_stops_itself()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 30);
        for (int i = 0; i < 30; i++) fleet.Devices[i] = new RelayedDevice(fleet, fleet.Devices[i].Thing) { Fails = true };
        await fleet.Rollout.Create(Given.Request(Fast with { Phases = [new(20), new(100)], Gates = [new(GateFailure.Failed, 50, 4, GateAction.Pause)] }));
        var paused = await fleet.Until(view => view.Status is RolloutStatus.Paused, device => device.Work());
        Assert.Equal((StopReason.Gate, 0), (paused.StopReason, paused.Phase));
        Assert.Contains("(100 %) count as 'failed', the limit is 50 %", paused.StopDetail, StringComparison.Ordinal);
        Assert.True(paused.Counts.Pending >= 24);
    }

    [Fact]
    public async Task A_cancel_ends_every_execution_whatever_the_devices_do()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 10);
        await fleet.Rollout.Create(Given.Request(Fast with { Phases = [new(100)] }));
        await fleet.Until(view => view.Counts.Queued == 10);
        await fleet.Devices[0].Work();
        await fleet.Await(fleet.Rollout.Cancel());
        var end = await fleet.Until(view => view.EndedAt is not null);
        Assert.Equal(RolloutStatus.Cancelled, end.Status);
        Assert.Equal([KeyValuePair.Create(JobOutcome.Cancelled, 10)], end.Counts.Outcomes);
        Assert.False(await fleet.Devices[0].Grain.MayDownload((await fleet.Devices[0].Grain.Get())!.Jobs[0].Stream!.Value));
    }

    [Theory, InlineData(3), InlineData(7), InlineData(13)]
    public async Task A_rollout_goes_on_after_the_process_is_killed(int devicesSeen)
    {
        var fleet = await RolloutsUnderTest.Start(devices: 20);
        await fleet.Rollout.Create(Given.Request(Fast));
        await fleet.Until(view => view.Counts.Outcomes.Values.Sum() >= devicesSeen, device => device.Work());
        await using var next = await fleet.Kill();
        // Nobody calls the shards or the devices; the rollout is woken as it is at every start.
        var wake = next.Rollout.Wake();
        var end = await next.Until(view => view.EndedAt is not null, device => device.Work());
        Assert.Equal([KeyValuePair.Create(JobOutcome.Succeeded, 20)], end.Counts.Outcomes);
        Assert.All(next.Devices, device => Assert.Equal(1, device.Installed));
        await wake;
    }

    [Fact]
    public async Task Silent_devices_time_out_and_hold_up_nobody()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 4);
        await fleet.Rollout.Create(Given.Request(Fast with { Phases = [new(100)], ConcurrencyTotal = 1, Deadlines = Fast.Deadlines with { Queued = TimeSpan.FromMinutes(7) } }));
        var silent = fleet.Devices[0].Thing;
        var end = await fleet.Until(view => view.EndedAt is not null, device => device.Thing == silent ? Task.CompletedTask : device.Work());
        Assert.Equal(3, end.Counts.Outcomes[JobOutcome.Succeeded]);
        Assert.Equal(1, end.Counts.Outcomes[JobOutcome.TimedOutQueued]);
    }

    [Fact]
    public async Task A_thousand_devices_share_the_writes_of_their_shard()
    {
        await using var fleet = await RolloutsUnderTest.Start(devices: 1000);
        var plan = Fast with { Phases = [new(100)], Rate = Fast.Rate with { BasePerMinute = 60_000, MaximumPerMinute = 60_000 } };
        await fleet.Rollout.Create(Given.Request(plan));
        int before = fleet.Store.WritesOf("device");
        await fleet.Until(view => view.EndedAt is not null, device => device.Work());
        var (shard, devices) = (fleet.Store.WritesOf("shard"), fleet.Store.WritesOf("device") - before);
        Assert.True(shard < 200, $"{shard} writes of the shard");
        Assert.True(devices <= 9000, $"{devices} writes of 1,000 devices");
        Assert.True(fleet.Store.LargestBytes("shard") < 300_000, $"{fleet.Store.LargestBytes("shard")} bytes");
    }
}
