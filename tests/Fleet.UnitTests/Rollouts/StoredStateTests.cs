using System.Text.Json;
using Fleet.Grains;
using Fleet.Grains.Devices;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Silo.Storage;
using Fleet.UnitTests.Devices;

namespace Fleet.UnitTests.Rollouts;

public sealed class StoredStateTests
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    [Fact]
    public void Records_read_as_they_were_written()
    {
        var device = TestDevice.Confirming(TimeSpan.FromMinutes(1)).State with { Outbox = DeviceOutbox.Empty.With(new SendReport(Given.Job, 1, 3)).With(new SendNotification("s", true, false)) };
        AssertSame(device);
        AssertSame(RolloutCore.Apply(Given.Running(Given.Plan, 3, 2), new AdmissionsGranted([(0, 2)], 0.5, Given.Noon)));
        var shard = ShardTransitions.Apply(new(), new ShardOpened(Given.Assignment(3)));
        shard = ShardTransitions.Apply(ShardTransitions.Apply(shard, new DeviceAdmitted(1, Given.Noon)), new ExecutionFinished(2, JobOutcome.RolledBack, "x", 3, Given.Noon));
        AssertSame(shard);
    }

    [Fact]
    public void Records_of_a_version_that_knew_less_can_be_read()
    {
        Assert.Empty(JsonSerializer.Deserialize<DeviceState>("{}", Json)!.Open);
        Assert.True(JsonSerializer.Deserialize<DeviceState>("{}", Json)!.Outbox.IsEmpty);
        Assert.Empty(JsonSerializer.Deserialize<RolloutState>("{}", Json)!.Shards);
        Assert.Empty(JsonSerializer.Deserialize<ShardState>("{}", Json)!.Executions);
    }

    [Fact]
    public void A_device_that_waits_in_a_shard_takes_a_few_bytes()
    {
        var shard = ShardTransitions.Apply(new(), new ShardOpened(Given.Assignment(1000)));
        Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(shard, Json).Length, 20_000, 25_000);
    }

    private static void AssertSame<T>(T state)
    {
        string text = JsonSerializer.Serialize(state, Json);
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<T>(text, Json), Json));
    }
}
