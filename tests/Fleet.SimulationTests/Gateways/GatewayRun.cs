using System.Globalization;
using Fleet.SimulationTests.Checks;

namespace Fleet.SimulationTests.Gateways;

/// <summary>How a simulation of gateways went.</summary>
/// <param name="Failure">Null when all invariants held; otherwise all that is needed to find out why.</param>
internal sealed record GatewayRun(int Seed, string Digest, long Lines, long Turns, TimeSpan VirtualTime, string? Failure)
{
    private const int StackBytes = 16 * 1024 * 1024;

    /// <summary>On a thread of its own, so that nothing of the caller's gets into it.</summary>
    /// <param name="isTold">Whether all that happens is noted, though nothing fails.</param>
    public static GatewayRun Of(int seed, bool isTold = false, TextWriter? history = null)
    {
        GatewayRun? run = null;
        var thread = new Thread(() => run = Run(seed, isTold || history is not null, history), StackBytes) { Name = $"gateways {seed}" };
        thread.Start();
        thread.Join();
        return run!;
    }

    private static GatewayRun Run(int seed, bool isTold, TextWriter? history)
    {
        using var world = new GatewayWorld(seed, isTold, history);
        string? failure = null;
        try
        {
            world.Run();
        }
        catch (InvariantException e)
        {
            failure = e.Message;
        }
        // Whatever else: a gateway, the host or the simulation itself is broken.
        catch (Exception e)
        {
            failure = e.ToString();
        }
        // The same again, and this time all of it is noted.
        if (failure is not null && !isTold) return Run(seed, isTold: true, history);
        return new(
            seed, world.History.Digest(), world.History.Lines, world.Turns.Count, world.Clock.Elapsed,
            failure is null ? null : string.Create(CultureInfo.InvariantCulture, $"""
                The last of {world.History.Lines} events:
                {string.Join('\n', world.History.Tail)}
                Seed {seed}: {failure}
                Replay: dotnet run -c Release --project tests/Fleet.SimulationTests -- --gateways --seed {seed} --history h.txt
                """));
    }
}
