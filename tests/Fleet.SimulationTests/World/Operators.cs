using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

/// <summary>Those who ask for rollouts, and pause, resume and cancel them at moments of their own choosing.</summary>
internal sealed class Operators(SimulatedWorld world, Random random)
{
    public static readonly ModelName Model = Names.Of<ModelName>("amr");

    private readonly HashSet<string> _asked = [];

    /// <summary>Every rollout that was planned has ended.</summary>
    public bool AllOver => world.Settings.Rollouts.All(r => Stored(r.Id) is { IsOver: true });

    public void Plan(PlannedRollout rollout) => world.Outside.After(rollout.At, () =>
    {
        _asked.Add(rollout.Id);
        Create(rollout);
    });

    public void Act()
    {
        if (_asked.Count == 0) return;
        string id = random.Pick<string>([.. _asked.Order(StringComparer.Ordinal)]);
        switch (random.Next(20))
        {
            case 0: Command(id, "cancel", rollout => rollout.Cancel()); break;
            case < 9: Command(id, "pause", rollout => rollout.Pause()); break;
            default: Command(id, "resume", rollout => rollout.Resume()); break;
        }
    }

    public void ResumeAll()
    {
        foreach (string id in _asked.Order(StringComparer.Ordinal).Where(id => Stored(id) is { Status: RolloutStatus.Paused }))
            Command(id, "resume", rollout => rollout.Resume());
    }

    /// <summary>The service wakes what is open when it starts.</summary>
    public void WakeAll()
    {
        foreach (string id in _asked.Order(StringComparer.Ordinal).Where(id => Stored(id) is { IsOver: false })) Do(id, "wake", rollout => rollout.Wake());
    }

    public RolloutState? Stored(string id) => world.Store.Stored<RolloutState>(GrainId.Create("rollout", id), "rollout");

    /// <summary>Again and again until it is there.</summary>
    private void Create(PlannedRollout rollout)
    {
        var request = new RolloutRequest(rollout.Id, new("model:amr", null), Model, rollout.Version, rollout.Plan);
        Do(rollout.Id, "create", async grain =>
        {
            var answer = await grain.Create(request);
            if (answer is not CreateRolloutResult.Created) throw new InvalidOperationException($"{rollout.Id} was not created: {answer}");
        });
        world.Outside.After(TimeSpan.FromSeconds(40), () => { if (Stored(rollout.Id)?.Id is null) Create(rollout); });
    }

    private void Command(string id, string what, Func<IRolloutGrain, Task<RolloutCommandResult>> command) => Do(id, what, async rollout =>
    {
        var answer = await command(rollout);
        world.History.Add("operator", $"{what} {id}: {answer.GetType().Name}");
    });

    private void Do(string id, string what, Func<IRolloutGrain, Task> work)
    {
        world.History.Add("operator", $"asks to {what} {id}");
        if (world.Gateway?.Process is not { IsDead: false } process) return;
        world.Do(async () =>
        {
            try { await work(process.Grains.GetGrain<IRolloutGrain>(id)); }
            catch (Exception e) when (SimulatedGateway.IsOfTheService(e))
            {
                world.History.Add("operator", $"{what} {id} fails: {e.Message}");
            }
        });
    }
}
