namespace Fleet.UnitTests.Reactor;

/// <summary>Tests that count what the whole process has: no others run meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneInTheProcess
{
    public const string Name = "alone in the process";
}

/// <summary>What connections leave behind: no files, no memory.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class ReactorLeakTests
{
    [Fact]
    public async Task Connections_that_come_and_go_leave_nothing_behind()
    {
        await using var rig = new ReactorRig();
        await Round(100);
        int files = Files();
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        await Round(3_000);
        Assert.InRange(Files(), 0, files + 20);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memory, long.MinValue, 2_000_000);

        async Task Round(int count)
        {
            for (int i = 0; i < count; i += 50)
            {
                await Task.WhenAll(Enumerable.Range(0, 50).Select(async n =>
                {
                    await using var peer = await rig.Dial();
                    if (n % 2 == 0) await peer.Send(ReactorRig.Connect[..(n % 20)]);
                }));
            }
            await rig.Holds(0);
        }

        static int Files() => Directory.GetFileSystemEntries("/proc/self/fd").Length;
    }
}
