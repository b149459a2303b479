using System.Text.Json;
using Fleet.DeviceSim.Simulation;

namespace Fleet.DeviceSim.Commands.Reports;

/// <summary>How a run is told: to a program, to a file, or to somebody who watches.</summary>
internal interface IReport : IDisposable
{
    /// <summary>Called about once a second.</summary>
    void Show(FleetStatus status);

    void Finish(FleetStatus summary);
}

/// <summary>Lines for a log file: at most one every five seconds, and only when something changed.</summary>
internal sealed class PlainReport(TextWriter output, string dataFolder) : IReport
{
    private const double PeriodSeconds = 5;

    private FleetStatus? _last;

    public void Show(FleetStatus status)
    {
        if (_last is null) output.WriteLine($"{status.Devices} devices, their disks are in {dataFolder}");
        if (_last is not null && status.Seconds < _last.Seconds + PeriodSeconds || !status.Tells(_last)) return;
        _last = status;
        output.WriteLine(Line(status));
    }

    public void Finish(FleetStatus summary)
    {
        output.WriteLine(Line(summary));
        if (summary.Reached is { } reached) output.WriteLine(reached ? "reached" : "not reached");
    }

    public void Dispose() => output.Flush();

    private static string Line(FleetStatus s) => string.Join("; ", new[]
    {
        $"{s.Seconds,7:0.0} s",
        List(s.Connections),
        s.Versions.Count > 0 ? $"runs {List(s.Versions)}" : "",
        s.Health.Count > 1 ? $"health {List(s.Health)}" : "",
        s.Updates.Count > 0 ? $"updates {List(s.Updates)}" : "",
        s.Outcomes.Count > 0 ? $"outcomes {List(s.Outcomes)}" : "",
        s.Faults.Count > 0 ? $"faults {List(s.Faults)}" : "",
        s.Blocks > 0 ? $"{s.Blocks} blocks, {s.Bytes / 1048576.0:0.0} MiB" : "",
        s.Trouble.Count > 0 ? $"trouble: {List(s.Trouble)}" : "",
    }.Where(part => part.Length > 0));

    private static string List(SortedDictionary<string, int> counts) =>
        string.Join(", ", counts.Select(count => $"{count.Value} {count.Key}"));
}

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
