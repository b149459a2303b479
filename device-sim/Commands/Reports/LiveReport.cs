using Fleet.DeviceSim.Simulation;
using Spectre.Console;

namespace Fleet.DeviceSim.Commands.Reports;

/// <summary>A table that changes in place, for somebody at a terminal.</summary>
internal sealed class LiveReport : IReport
{
    private readonly FleetOptions _fleet;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _display;
    private LiveDisplayContext? _context;

    public LiveReport(FleetOptions fleet)
    {
        _fleet = fleet;
        AnsiConsole.MarkupInterpolated($"[bold]{fleet.Devices}[/] devices of model [bold]{fleet.Agent.Model}[/] ");
        AnsiConsole.MarkupLineInterpolated(
            $"against {string.Join(", ", fleet.Agent.Servers)}; their disks are in {fleet.DataFolder}. Ctrl-C ends it.");
        _display = AnsiConsole.Live(new Text("")).StartAsync(context =>
        {
            _context = context;
            return _ended.Task;
        });
    }

    public void Show(FleetStatus status)
    {
        _context?.UpdateTarget(Table(status));
        _context?.Refresh();
    }

    public void Finish(FleetStatus summary)
    {
        Show(summary);
        _ended.TrySetResult();
        _display.GetAwaiter().GetResult();
        if (summary.Reached is { } reached) AnsiConsole.MarkupLine(reached ? "[green]reached[/]" : "[red]not reached[/]");
    }

    public void Dispose() => _ended.TrySetResult();

    private Table Table(FleetStatus s)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("").AddColumn("devices").AddColumn(new TableColumn("").Width(32));
        foreach (var (state, count) in s.Connections)
            Row(table, state, count, state == "connected" ? "green" : state is "faulted" or "silent" ? "red" : "yellow");
        table.AddEmptyRow();
        foreach (var (version, count) in s.Versions) Row(table, $"runs {version}", count, "blue");
        foreach (var (step, count) in s.Updates) Row(table, step, count, "yellow");
        foreach (var (health, count) in s.Health.Where(h => h.Key != "ok")) Row(table, $"health {health}", count, "red");
        foreach (var (outcome, count) in s.Outcomes) Row(table, outcome, count, outcome == "succeeded" ? "green" : "red");
        foreach (var (fault, count) in s.Faults) Row(table, $"fault {fault}", count, "grey");
        table.Caption($"{s.Seconds:0} s, {s.Heartbeats} heartbeats, {s.Blocks} blocks, {s.Bytes / 1048576.0:0.0} MiB");
        foreach (var (trouble, count) in s.Trouble.OrderByDescending(t => t.Value).Take(3))
            table.AddRow(new Text("trouble"), new Text($"{count}"), new Text(trouble));
        return table;
    }

    private void Row(Table table, string what, int count, string colour)
    {
        int width = Math.Clamp(count * 30 / _fleet.Devices, count > 0 ? 1 : 0, 30);
        table.AddRow(new Text(what), new Text($"{count}").RightJustified(), new Markup($"[{colour}]{new string('█', width)}[/]"));
    }
}
