using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

internal interface IMortal
{
    bool IsDead { get; }
}

/// <summary>What simulated disks and calls ask of the world that they are in.</summary>
internal interface IFaultyWorld
{
    /// <summary>What may go wrong now.</summary>
    FaultPlan Faults { get; }

    History History { get; }

    /// <summary>Time outside of all processes.</summary>
    VirtualClock.ProcessTime Outside { get; }

    /// <summary>What runs the grains now.</summary>
    IMortal Service { get; }
}
