using System.Globalization;
using Fleet.SimulationTests.Checks;

namespace Fleet.SimulationTests.Gateways;

/// <summary>How a simulation of gateways went.</summary>
/// <param name="Failure">Null when all invariants held; otherwise all that is needed to find out why.</param>
internal sealed record GatewaySimulationRun(int Seed, string Digest, long Lines, string? Failure)
{
    /// <param name="isTold">Whether all that happens is noted, though nothing fails.</param>
    public static GatewaySimulationRun Of(int seed, bool isTold = false, TextWriter? history = null)
    {
        var (world, failure) = Run(seed, isTold || history is not null, history);
        if (failure is null) return new(seed, world.History.Digest(), world.History.Lines, null);
        // The same again, and this time all of it is noted.
        if (world.History.Lines == 0) (world, failure) = Run(seed, isTold: true, history);
        return new(seed, world.History.Digest(), world.History.Lines, string.Create(CultureInfo.InvariantCulture, $"""
            The last of {world.History.Lines} events:
            {string.Join('\n', world.History.Tail)}
            Seed {seed}: {failure}
            Replay: dotnet run --project tests/Fleet.SimulationTests -- --gateways failover --seed {seed}
            """));
    }

    private static (GatewayWorld World, string? Failure) Run(int seed, bool isTold, TextWriter? history)
    {
        var world = new GatewayWorld(seed, isTold, history);
        try
        {
            world.Run();
            return (world, null);
        }
        catch (InvariantException e)
        {
            return (world, e.Message);
        }
        // Whatever else: the core or the simulation itself is broken.
        catch (Exception e)
        {
            return (world, e.ToString().ReplaceLineEndings(" "));
        }
    }
}
