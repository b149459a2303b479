using Fleet.SimulationTests.Kernel;
using Fleet.Testing;

namespace Fleet.SimulationTests.World;

/// <summary>
/// The disk: slow, and failing before or after a write is there. It outlives processes; what one had under way when it was killed lands or
/// does not.
/// </summary>
internal sealed class SimulatedStore(IFaultyWorld world, Random random, bool sharesStates) : MemoryStore(sharesStates)
{
    protected override Task Run(StoreOperation operation, string stateName, GrainId grain, Action perform)
    {
        var (service, slowest) = (world.Service, world.Faults.StorageMilliseconds);
        if (slowest == 0)
        {
            try { Try(operation, stateName, grain, perform); }
            catch (Exception e) { return Task.FromException(e); }
            return Task.CompletedTask;
        }
        var done = new TaskCompletionSource();
        world.Outside.After(TimeSpan.FromMilliseconds(random.Next(slowest + 1)), () =>
        {
            // The process is gone: what it had sent reached the disk, or did not.
            if (service.IsDead && random.Next(2) == 0) return;
            try { Try(operation, stateName, grain, perform); }
            catch (Exception e)
            {
                done.SetException(e);
                return;
            }
            done.SetResult();
        });
        return done.Task;
    }

    private void Try(StoreOperation operation, string stateName, GrainId grain, Action perform)
    {
        var faults = world.Faults;
        if (random.Chance(operation is StoreOperation.Read ? faults.ReadFails : faults.WriteFails)) throw Failure($"{operation}");
        perform();
        if (operation is not StoreOperation.Read && random.Chance(faults.WriteFailsAfterItLanded)) throw Failure($"{operation} (it landed)");

        IOException Failure(string what)
        {
            world.History.Add("disk", $"{what} of {stateName} {grain.Key} fails");
            return new IOException($"The simulated disk fails: {what}.");
        }
    }
}
