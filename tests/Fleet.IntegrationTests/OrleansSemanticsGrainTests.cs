using Fleet.IntegrationTests.Support;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.Silo.Storage;
using Npgsql;
using static Fleet.IntegrationTests.Support.OrleansGiven;

namespace Fleet.IntegrationTests;

/// <summary>Activations that fail, are lost, or are two for a moment.</summary>
public sealed class OrleansSemanticsGrainTests
{
    [Fact]
    public async Task A_device_answers_though_nobody_knows_whether_its_gateway_lives()
    {
        await using var cluster = await OrleansCluster.Start();
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        var device = await cluster.Connected("amr-1", gateway);
        await cluster.Deactivate(device);
        cluster.Before = call => call.InterfaceMethod.Name == "IsLive" ? throw new SiloUnavailableException("It died.") : Task.CompletedTask;
        Assert.Equal(Connectivity.Connected, (await device.Get())!.Connectivity);
    }

    [Fact]
    public async Task An_activation_that_is_no_longer_the_only_one_does_not_say_that_an_execution_is_unknown()
    {
        await using var cluster = await OrleansCluster.Start();
        var device = await cluster.Registered("amr-1");
        await device.Offer(Offer());
        await cluster.Deactivate(device);
        // This activation has read before the other one wrote.
        cluster.Store.IsBlank = true;
        Assert.Null(await device.Get());
        cluster.Store.IsBlank = false;
        var report = await device.Review(Name<JobId>("r-1"), 1, JobStage.Queued, expired: false);
        Assert.Equal(JobStage.Queued, report!.Stage);
    }

    [Fact]
    public async Task Epochs_grow_though_activations_are_lost_and_a_session_was_closed_in_between()
    {
        await using var cluster = await OrleansCluster.Start();
        var session = cluster.Grains.GetGrain<ISessionGrain>("plain/p");
        await session.Open(new SessionClaim("gw-1", "s-1", CleanStart: true, Will: null));
        await cluster.Deactivate(session);
        var last = (await session.Open(new SessionClaim("gw-1", "s-2", CleanStart: true, Will: null))).Epoch;
        await session.Close("gw-1", "s-2");
        await cluster.Deactivate(session);
        Assert.True((await session.Open(new SessionClaim("gw-1", "s-3", CleanStart: true, Will: null))).Epoch > last);
    }

    [Fact]
    public async Task What_a_store_says_comes_to_the_caller_as_it_was_said()
    {
        await using var cluster = await OrleansCluster.Start();
        await cluster.Registered("amr-1");
        cluster.Store.Failure = new StorageException("The database is away.", new NpgsqlException("No connection."));
        foreach (var grains in new[] { cluster.Grains, cluster.GrainsOfASilo })
        {
            var said = await Assert.ThrowsAsync<StorageException>(() => grains.GetGrain<IDeviceGrain>("amr-1").Offer(Offer(1)));
            Assert.Equal("The database is away.", said.Message);
            Assert.IsType<NpgsqlException>(said.InnerException);
        }
    }

    [Fact]
    public async Task A_rollout_ends_with_exact_counts_though_one_of_two_silos_dies_in_the_middle()
    {
        await using var cluster = await OrleansCluster.Start(silos: 2);
        const int Devices = 40;
        var things = Enumerable.Range(0, Devices).Select(i => $"amr-{i}").ToArray();
        foreach (string thing in things) await cluster.Registered(thing);
        var firmware = cluster.Grains.GetGrain<IFirmwareGrain>(FirmwareKeys.Of(Amr, V2));
        await firmware.Upload(new FirmwareUpload(new string('a', 64), 1, Floor: null));
        await firmware.Publish();
        var rollout = cluster.Grains.GetGrain<IRolloutGrain>("r-1");
        Assert.IsType<CreateRolloutResult.Created>(await rollout.Create(Request));

        bool killed = false;
        HashSet<string> open = [.. things];
        await Eventually.True(
            async () =>
            {
                // Those that are done as well: each says every minute that it is there, and what its last activation owed is told then.
                foreach (string thing in things)
                {
                    if (await Finished(cluster.Device(thing))) open.Remove(thing);
                }
                if (!killed && open.Count < Devices / 2)
                {
                    killed = true;
                    await cluster.KillSiloOf(rollout);
                }
                return killed && await Answer(async () => (await rollout.Get())!.Status is RolloutStatus.Completed);
            },
            () => $"{open.Count} devices are not done", TimeSpan.FromMinutes(3));
        var counts = (await rollout.Get())!.Counts;
        Assert.Equal((Devices, 0), (counts.Outcomes[JobOutcome.Succeeded], counts.Pending));
    }

    private static RolloutRequest Request => new("test", new("model:amr", null), Amr, V2, new RolloutPlan
    {
        Phases = [new(100)],
        Rate = new() { BasePerMinute = 600, IncrementFactor = 1, EverySucceeded = null, MaximumPerMinute = 600 },
        ConcurrencyTotal = 1000,
        Gates = [],
        Deadlines = new(TimeSpan.FromHours(1), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(10)),
        Proof = new(Boot: false, TimeSpan.Zero),
    });

    /// <summary>The device does its job, if it has it and its silo answers.</summary>
    private static Task<bool> Finished(IDeviceGrain device) => Answer(async () =>
    {
        if (await device.StartNextJob(new StartNextJob(null)) is not { } execution) return (await device.Get())!.Jobs.Any(job => job.Outcome is JobOutcome.Succeeded);
        return await device.UpdateJob(new UpdateJob(execution.JobId, JobExecutionStatus.Succeeded, null, null, execution.ExecutionNumber)) is UpdateJobResult.Accepted;
    });

    /// <summary>False while a silo is dead and the others do not know.</summary>
    private static async Task<bool> Answer(Func<Task<bool>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return false;
        }
    }
}
