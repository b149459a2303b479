using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class ReferencesOnGrainHost : ReferenceTests<DeterministicHost>;

public sealed class ReferencesOnSilo : ReferenceTests<OrleansHost>;

public abstract class ReferenceTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task A_reference_knows_its_grain()
    {
        await using var host = await Start();
        var worker = host.Grains.GetGrain<IWorkerGrain>("one");
        Assert.Equal("one", worker.GetPrimaryKeyString());
        Assert.Equal("worker/one", worker.GetGrainId().ToString());
        Assert.Equal(worker.GetGrainId(), GrainId.Parse("worker/one"));
        Assert.Equal(worker, host.Grains.GetGrain<IWorkerGrain>("one"));
        Assert.Equal(worker, host.Grains.GetGrain<IWorkerGrain>(worker.GetGrainId()));
        Assert.NotEqual(worker, host.Grains.GetGrain<IWorkerGrain>("two"));
    }

    [Fact]
    public async Task A_reference_can_be_had_through_another_interface_of_the_grain()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one").AsReference<IRemindable>();
        await alarm.ReceiveReminder("by hand", new(DateTime.UnixEpoch, TimeSpan.FromHours(1), DateTime.UnixEpoch));
        Assert.Equal(["by hand of one at 00:00, first 00:00, each 01:00:00"], host.Journal.Lines);
    }

    [Fact]
    public async Task A_key_that_is_empty_or_an_interface_that_no_class_implements_is_refused()
    {
        await using var host = await Start();
        Assert.Throws<ArgumentException>(() => host.Grains.GetGrain<IWorkerGrain>(" "));
        Assert.Throws<ArgumentException>(() => host.Grains.GetGrain<INobodyGrain>("one"));
    }

    // Reminder tables hold the hash: it is the same in every process and on both hosts.
    [Theory]
    [InlineData("device", "robot-7", 371803500u)]
    [InlineData("certificate", "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e1f3b5d7a9c0e2f4b6d8a0c1e3f5b7d9a", 4223058486u)]
    [InlineData("rolloutshard", "r-2026/11", 456792909u)]
    public void Grain_ids_have_the_same_uniform_hash_everywhere(string type, string key, uint hash) =>
        Assert.Equal(hash, GrainId.Create(type, key).GetUniformHashCode());
}

public interface INobodyGrain : IGrainWithStringKey;
