using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Faults;

namespace Fleet.DeviceSim.Agent.Updates;

/// <summary>A device between one start and the next: what it runs, and its state, saved before anything is done about it.</summary>
internal sealed class RunningDevice
{
    private readonly DeviceDisk _disk;

    private RunningDevice(DeviceDisk disk, DeviceState state, RunningImage running) => (_disk, State, Running) = (disk, state, running);

    public DeviceState State { get; private set; }
    public RunningImage Running { get; }

    /// <summary>A download is under way.</summary>
    public bool Fetching { get; set; }

    /// <summary>What the power button does: the state as the disk has it, then the boot loader's choice.</summary>
    public static RunningDevice PowerOn(DeviceDisk disk, string factoryVersion, DeviceFaults faults)
    {
        var saved = disk.Load(factoryVersion);
        var (state, slot) = BootCore.Boot(saved, IsTrialBootable(saved, disk, faults));
        if (!ReferenceEquals(state, saved)) disk.Save(state);
        return new RunningDevice(disk, state, disk.Run(slot, state.In(slot)!));
    }

    public ImmutableArray<UpdateEffect> Handle(UpdateInput input)
    {
        var decision = UpdateCore.Decide(State, Running, Fetching, input);
        if (!ReferenceEquals(decision.State, State))
        {
            _disk.Save(decision.State);
            State = decision.State;
        }
        return decision.Effects;
    }

    private static bool IsTrialBootable(DeviceState state, DeviceDisk disk, DeviceFaults faults) =>
        state.Trial is { } trial && state.In(trial.Slot) is { } content
            && disk.IsIntact(trial.Slot, content) && !faults.Strikes(FaultKind.Boot, content.Version);
}
