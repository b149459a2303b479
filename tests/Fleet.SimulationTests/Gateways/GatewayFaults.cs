using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>How often what goes wrong among gateways; drawn from the seed, half of it absent from any one.</summary>
internal sealed record GatewayFaults
{
    public static readonly GatewayFaults None = new() { StoreMilliseconds = 2 };

    /// <summary>Between gateways and grains, among grains, and of the grains' disk.</summary>
    public FaultPlan Calls { get; init; } = FaultPlan.None;

    // Of the stores of sessions and of retained messages, per operation.
    public double StoreFails { get; init; }

    /// <summary>What was asked for is there, but whoever asked is told that it failed.</summary>
    public double StoreFailsAfterItLanded { get; init; }

    /// <summary>Slowest operation.</summary>
    public int StoreMilliseconds { get; init; }

    /// <summary>Slowest road between a client and a gateway, one way.</summary>
    public int RoadMilliseconds { get; init; } = 5;

    // By the minute.
    public double Kills { get; init; }
    public double Stops { get; init; }
    public double Cuts { get; init; }
    public double SiloKills { get; init; }
    public double ClockJumps { get; init; }

    /// <summary>Of each client: it goes, and comes again, here or there.</summary>
    public double Moves { get; init; }

    /// <summary>Share of a client's partings that are without a word.</summary>
    public double Breaks { get; init; }

    /// <summary>Share of its connects that start clean.</summary>
    public double CleanStarts { get; init; }

    /// <summary>How long faults go on.</summary>
    public TimeSpan Lasts { get; init; }

    public static GatewayFaults Draw(Random random) => new()
    {
        Calls = new FaultPlan
        {
            CallLost = random.Rate(0.05),
            CallAnswerLost = random.Rate(0.05),
            CallRepeated = random.Rate(0.1),
            CallSlow = random.Rate(0.01),
            CallOvertaken = random.Rate(1),
            CallMeetsDeadSilo = random.Rate(0.03),
            CallMeetsDeactivation = random.Rate(0.5),
            DeactivatedAfterCall = random.Rate(0.05),
            WriteFails = random.Rate(0.05),
            WriteFailsAfterItLanded = random.Rate(0.05),
            ReadFails = random.Rate(0.05),
            StorageMilliseconds = random.Next(2) == 0 ? 0 : random.Next(1, 50),
        },
        StoreFails = random.Rate(0.1),
        StoreFailsAfterItLanded = random.Rate(0.1),
        StoreMilliseconds = random.Next(2) == 0 ? 2 : random.Next(2, 500),
        RoadMilliseconds = random.Next(2) == 0 ? 5 : random.Next(5, 200),
        Kills = random.Rate(6),
        Stops = random.Rate(3),
        Cuts = random.Rate(3),
        SiloKills = random.Next(4) == 0 ? random.NextDouble() * 2 : 0,
        ClockJumps = random.Next(4) == 0 ? random.NextDouble() * 4 : 0,
        Moves = random.Next(4) == 0 ? 2 : random.NextDouble() * 30,
        Breaks = random.NextDouble(),
        CleanStarts = random.Next(2) == 0 ? 0 : random.NextDouble() * 0.3,
        Lasts = random.Between(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(60)),
    };
}
