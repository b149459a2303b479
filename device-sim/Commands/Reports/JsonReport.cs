using System.Text.Json;
using Fleet.DeviceSim.Simulation;

namespace Fleet.DeviceSim.Commands.Reports;

/// <summary>One JSON line per change; the schema is <see cref="FleetStatus"/>.</summary>
internal sealed class JsonReport(TextWriter output) : IReport
{
    private FleetStatus? _last;

    public void Show(FleetStatus status)
    {
        if (!status.Tells(_last)) return;
        _last = status;
        Write(status);
    }

    public void Finish(FleetStatus summary) => Write(summary);

    public void Dispose() => output.Flush();

    private void Write(FleetStatus status)
    {
        output.WriteLine(JsonSerializer.Serialize(status, FleetStatusJson.Default.FleetStatus));
        output.Flush();
    }
}
