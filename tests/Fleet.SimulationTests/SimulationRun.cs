using System.Diagnostics;
using Fleet.SimulationTests.Checks;
using Fleet.SimulationTests.Kernel;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests;

/// <summary>How a simulation went.</summary>
/// <param name="Failure">Null when all invariants held; otherwise all that is needed to find out why.</param>
internal sealed record SimulationRun(int Seed, string Digest, long Lines, long Turns, TimeSpan VirtualTime, string Standing, string? Failure)
{
    private const int StackBytes = 16 * 1024 * 1024;

    /// <summary>
    /// Runs it on a thread of its own, so that nothing of the caller's (a synchronization context, a scheduler) gets into it.
    /// </summary>
    public static SimulationRun Of(SimulationSettings settings, TextWriter? history = null)
    {
        SimulationRun? run = null;
        var thread = new Thread(() => run = Run(settings, history), StackBytes) { Name = $"simulation {settings.Seed}" };
        thread.Start();
        thread.Join();
        return run!;
    }

    private static SimulationRun Run(SimulationSettings settings, TextWriter? history)
    {
        using var world = new SimulatedWorld(settings, history);
        string? failure = null;
        try { world.Run(); }
        catch (InvariantException e) { failure = Describe(world, e.Message); }
        // Whatever else: a grain, the host or the simulation itself is broken.
        catch (Exception e) { failure = Describe(world, e.ToString()); }
        return new(settings.Seed, world.History.Digest(), world.History.Lines, world.Turns.Count, world.Clock.Elapsed, world.Checks.Standing(), failure);
    }

    private static string Describe(SimulatedWorld world, string what) => $"""
        Seed {world.Settings.Seed}: {what}
        Devices: {world.Settings.Devices}; {string.Join("; ", world.Settings.Rollouts)}
        Faults: {world.Settings.Faults}
        The last of {world.History.Lines} events:
        {string.Join('\n', world.History.Tail)}
        {world.Checks.Standing()}
        Seed {world.Settings.Seed}: {what}
        Replay: {ReplayOf(world.Settings)}
        """;

    private static string ReplayOf(SimulationSettings settings) =>
        $"dotnet run --project tests/Fleet.SimulationTests -- --seed {settings.Seed}{(settings.HasFaults ? "" : $" --large {settings.Devices}")}";
}
