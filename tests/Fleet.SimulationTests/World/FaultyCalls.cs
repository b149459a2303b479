using Fleet.Interfaces.Messaging;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

/// <summary>Calls between grains that are lost, repeated or slow, and activations that end after one.</summary>
internal sealed class FaultyCalls(SimulatedWorld world, TimeProvider time, Random random) : IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        var faults = world.Faults;
        if (random.Chance(faults.CallLost)) throw Lost(context, "was lost");
        if (random.Chance(faults.CallSlow))
        {
            world.History.Add("network", $"{context.MethodName} of {context.TargetId} is slow");
            await Task.Delay(random.UpTo(40), time);
        }
        await context.Invoke();
        if (random.Chance(faults.CallRepeated))
        {
            world.History.Add("network", $"{context.MethodName} of {context.TargetId} comes twice");
            await context.Invoke();
        }
        // A gateway's own grain lives in memory with its process: that it forgets is that the process ends.
        if (context.Grain is not IGatewayGrain && random.Chance(faults.DeactivatedAfterCall))
        {
            world.History.Add("engine", $"{context.TargetId} ends after {context.MethodName}");
            context.TargetContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "The simulation says so."));
        }
        if (random.Chance(faults.CallAnswerLost)) throw Lost(context, "was done, but its answer was lost");
    }

    private TimeoutException Lost(IIncomingGrainCallContext context, string how)
    {
        world.History.Add("network", $"{context.MethodName} of {context.TargetId} {how}");
        return new TimeoutException($"{context.MethodName} of {context.TargetId} {how}.");
    }
}
