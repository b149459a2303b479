using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests;

/// <summary>A simulation that finds something must say what, and how to see it again.</summary>
public sealed class ReplayTests
{
    [Fact]
    public void A_failing_seed_prints_the_seed_the_faults_the_end_of_the_history_and_the_command_that_replays_it()
    {
        // Nobody succeeds in no time: the plan asks for what cannot be.
        var settings = SimulationSettings.Draw(7, devices: 3);
        settings = settings with { Faults = FaultPlan.None with { Lasts = TimeSpan.FromMinutes(1) } };
        settings = settings with { Rollouts = [settings.Rollouts[0] with { Plan = settings.Rollouts[0].Plan with { Phases = [] } }] };
        var run = SimulationRun.Of(settings);
        Assert.NotNull(run.Failure);
        Assert.Contains("Seed 7: ", run.Failure, StringComparison.Ordinal);
        Assert.Contains("r-1 was not created", run.Failure, StringComparison.Ordinal);
        Assert.Contains("Faults: FaultPlan { RequestLost = 0,", run.Failure, StringComparison.Ordinal);
        Assert.Contains("operator asks to create r-1", run.Failure, StringComparison.Ordinal);
        Assert.EndsWith("Replay: dotnet run --project tests/Fleet.SimulationTests -- --seed 7", run.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void What_leaves_the_simulations_thread_is_noticed()
    {
        var turns = new SeededTurns(new Random(1));
        var process = new SeededTurns.Process(turns);
        var thread = new Thread(() => process.Submit(null!));
        thread.Start();
        thread.Join();
        Assert.NotNull(turns.Escape);
        Assert.False(turns.TryRunOne());
    }
}
