using Fleet.Grains.Devices;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests.Checks;

/// <summary>What must hold of each device: one job at a time, no offer after a stop, no outcome that is not so.</summary>
internal sealed class DeviceChecks(SimulatedWorld world, Invariants checks)
{
    private readonly Dictionary<JobId, int> _offered = [];

    /// <summary>Devices that have the job's offer and have not started it.</summary>
    public int Offered(JobId job) => _offered.GetValueOrDefault(job);

    public void Landed(DeviceState? before, DeviceState now)
    {
        if (before is not null && before.Open == now.Open && before.Ended == now.Ended) return;
        string name = now.Thing!.Value.Value;
        int underWay = 0;
        foreach (var execution in now.Open)
        {
            if (execution.Status is JobExecutionStatus.InProgress || execution.AwaitsProof) underWay++;
            if (execution.Status is not JobExecutionStatus.Queued || before?.Find(execution.JobId, execution.Number) is not null) continue;
            var status = world.Operators.Stored(execution.JobId.Value)?.Status;
            checks.Demand(status is not (RolloutStatus.Paused or RolloutStatus.Cancelled or RolloutStatus.Completed), $"{name} is offered {execution.JobId}#{execution.Number} after the stop: the rollout is {status}");
        }
        checks.Demand(underWay <= 1, $"{name} has {underWay} jobs under way");
        foreach (var job in world.Settings.Rollouts)
        {
            var id = Names.Of<JobId>(job.Id);
            int offered = Queued(now, id) - (before is null ? 0 : Queued(before, id));
            if (offered != 0) _offered[id] = Offered(id) + offered;
        }
        foreach (var execution in now.Ended)
        {
            if (before?.Find(execution.JobId, execution.Number) is not { Outcome: { } outcome }) Ended(world.Device(name), execution);
            else checks.Demand(outcome == execution.Outcome, $"{name} had {outcome} for {execution.JobId}#{execution.Number}, and now has {execution.Outcome}");
        }
    }

    private static int Queued(DeviceState state, JobId job) => state.Open.Count(e => e.JobId == job && e.Status is JobExecutionStatus.Queued);

    private void Ended(SimulatedDevice device, DeviceExecution execution)
    {
        var key = new ExecutionKey(execution.JobId, execution.Number);
        world.History.Add(device.Name, $"counts as {execution.Outcome} for {key}");
        switch (execution.Outcome)
        {
            case JobOutcome.Succeeded when execution.BootProof || execution.Answer is OfferAnswer.AlreadyInstalled:
                checks.Demand(device.Running == execution.Version, $"{device.Name} counts as succeeded for {key} and runs {device.Running}");
                break;
            case JobOutcome.RolledBack:
                checks.Demand(device.CameUpOld.Contains(key) || device.Running != execution.Version || device.Fate is Fate.NeverHealthy, $"{device.Name} counts as rolled back for {key}, and is a good device that runs {device.Running}");
                break;
        }
    }
}
