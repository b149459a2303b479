using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

/// <summary>A rollout and when it is asked for.</summary>
internal sealed record PlannedRollout(string Id, FirmwareVersion Version, FirmwareVersion? Floor, RolloutPlan Plan, TimeSpan At);

/// <summary>All that a simulation is made from. The same settings make the same history.</summary>
internal sealed record SimulationSettings
{
    public required int Seed { get; init; }
    public required int Devices { get; init; }
    public required FaultPlan Faults { get; init; }
    public required ImmutableArray<PlannedRollout> Rollouts { get; init; }

    /// <summary>False: no call filter, so that calls cost what they cost in production.</summary>
    public bool HasFaults { get; init; } = true;

    /// <summary>States go through their JSON, as in production; false: they are handed on as they are.</summary>
    public bool StoresText { get; init; } = true;

    /// <summary>Every device comes online within this time.</summary>
    public TimeSpan ConnectWithin { get; init; } = TimeSpan.FromSeconds(20);

    public static SimulationSettings Draw(int seed, int? devices = null)
    {
        var random = SeedStreams.Of(seed, "settings");
        // Every eighth has more than one shard.
        int size = random.Next(8) == 0 ? random.Next(1001, 1500) : random.Next(1, 60);
        var faults = FaultPlan.Draw(random);
        return new()
        {
            Seed = seed,
            Devices = devices ?? size,
            Faults = faults,
            Rollouts = DrawRollouts(random, devices ?? size),
        };
    }

    /// <summary>A large fleet with the bad devices that every fleet has, on a machine that works.</summary>
    public static SimulationSettings Large(int seed, int devices) => new()
    {
        Seed = seed,
        Devices = devices,
        HasFaults = false,
        StoresText = false,
        ConnectWithin = TimeSpan.FromMinutes(2),
        Faults = FaultPlan.None with { BadDevices = 0.02, Lasts = TimeSpan.FromMinutes(10) },
        Rollouts =
        [
            new("r-1", Names.Of<FirmwareVersion>("2.0.0"), null, new()
            {
                Phases = [new(1), new(10), new(100)],
                Rate = new() { BasePerMinute = 1000, IncrementFactor = 2, EverySucceeded = 1000, MaximumPerMinute = 20_000 },
                ConcurrencyTotal = 40_000,
                Gates = [new(GateFailure.Any, 10, 100, GateAction.Pause)],
                Deadlines = new(TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10)),
                Proof = new(Boot: true, TimeSpan.FromSeconds(60)),
            }, TimeSpan.FromMinutes(2)),
        ],
    };

    private static ImmutableArray<PlannedRollout> DrawRollouts(Random random, int devices)
    {
        var first = new PlannedRollout("r-1", Names.Of<FirmwareVersion>("2.0.0"), random.Next(2) == 0 ? Names.Of<FirmwareVersion>("2.0.0") : null,
            DrawPlan(random, devices), random.UpTo(60));
        if (random.Next(3) > 0) return [first];
        // A second one meets the first on the same devices: a newer version, or an older one, which devices past their floor refuse.
        var second = new PlannedRollout("r-2", Names.Of<FirmwareVersion>(random.Next(2) == 0 ? "3.0.0" : "1.5.0"), null, DrawPlan(random, devices), random.UpTo(1200));
        return [first, second];
    }

    private static RolloutPlan DrawPlan(Random random, int devices) => new()
    {
        Phases = random.Next(2) == 0 ? [new(100)] : [new(random.Next(1, 30)), new(random.Next(30, 90)), new(100)],
        Rate = new()
        {
            BasePerMinute = random.Next(Math.Max(5, devices / 8), 60 + devices),
            IncrementFactor = random.Next(2) == 0 ? 1 : 1.5,
            EverySucceeded = random.Next(1, 20),
            MaximumPerMinute = 6000,
        },
        ConcurrencyTotal = random.Next(1, 5 + devices),
        Gates = random.Next(3) switch
        {
            0 => [],
            1 => [new(GateFailure.Any, random.Next(10, 80), random.Next(1, 10), GateAction.Pause)],
            _ => [new(GateFailure.RolledBack, 30, 4, GateAction.Abort), new(GateFailure.TimedOut, 40, 3, GateAction.Pause)],
        },
        Deadlines = new(
            random.Between(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(30)), random.Between(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(15)),
            random.Between(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10)), random.Between(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(15))),
        Proof = random.Next(5) == 0 ? new(Boot: false, TimeSpan.Zero) : new(Boot: true, TimeSpan.FromSeconds(random.Next(2) * random.Next(10, 120))),
    };
}

internal static class Names
{
    public static T Of<T>(string text) where T : struct, IName<T> => T.TryParse(text, out var name) ? name : throw new ArgumentException(text);
}
