using Fleet.DeviceSim.Simulation;

namespace Fleet.DeviceSim.Commands.Reports;

/// <summary>How a run is told: to a program, to a file, or to somebody who watches.</summary>
internal interface IReport : IDisposable
{
    /// <summary>Called about once a second.</summary>
    void Show(FleetStatus status);

    void Finish(FleetStatus summary);
}
