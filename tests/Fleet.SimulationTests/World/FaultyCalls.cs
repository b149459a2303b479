using Fleet.Interfaces.Messaging;
using Fleet.SimulationTests.Kernel;
using Fleet.Testing;

namespace Fleet.SimulationTests.World;

/// <summary>
/// Calls that are lost, repeated, slow or overtaken, that meet a silo which has died or a grain which is going, and activations that end
/// after one.
/// </summary>
internal sealed class FaultyCalls(IFaultyWorld world, TimeProvider time, Random random) : IIncomingGrainCallFilter, ICallFaults
{
    public bool MayBeOvertaken(string call) => random.Chance(world.Faults.CallOvertaken);

    public Exception? RejectionOf(string call, bool isForwarded)
    {
        if (!random.Chance(isForwarded ? world.Faults.CallMeetsDeactivation : world.Faults.CallMeetsDeadSilo)) return null;
        string what = isForwarded ? "meets a deactivation" : "meets a silo that is dead";
        world.History.Add("network", $"{call} {what}");
        return new SiloUnavailableException($"{call} {what}.");
    }

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
            world.History.Add("host", $"{context.TargetId} ends after {context.MethodName}");
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
