using Fleet.Grains.Messaging;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The gateway registry, by its own rules, and what it does for each dead gateway, as <c>GatewayFailover</c> does it.</summary>
internal sealed class SimulatedRegistry(GatewayWorld world)
{
    private readonly HashSet<string> _failingOver = new(StringComparer.Ordinal);
    private GatewayRegistryState _state = new();

    public ImmutableArray<string> Dead => _state.Dead;

    public void Join(string id, string? name) => Become(GatewayRegistryCore.Join(_state, id, name));

    public void Remove(string id) => Become(GatewayRegistryCore.Remove(_state, [id]));

    /// <summary>A beat that comes through brings the view, or the news of one's own death.</summary>
    public void Beat(SimulatedGateway gateway)
    {
        if (world.Fails(0.2)) return;
        if (gateway.HasJoined && _state.View.Find(gateway.Id) is null) gateway.BeginAnew();
        else gateway.Apply(_state.View);
    }

    private void Become(GatewayRegistryState next)
    {
        if (next == _state) return;
        _state = next;
        var living = next.Gateways.Select(gateway => gateway.Id);
        world.Log("registry", () => $"living {string.Join(' ', living)}, dead {string.Join(' ', next.Dead)}");
        var view = next.View;
        foreach (var member in next.Gateways)
        {
            if (!world.Fails(0.3)) world.After(world.Random.Next(1, 100), null, () => world.Living(member.Id)?.Apply(view));
        }
        foreach (string dead in next.Dead.Where(_failingOver.Add)) FailOver(dead, 0);
    }

    private void FailOver(string dead, int afterMs) => world.After(afterMs + world.Random.Next(1, 50), null, () =>
    {
        if (!_state.Dead.Contains(dead)) return;
        if (SuccessorChoice.Of(_state.Gateways, dead) is { } successor) Follow(dead, successor, 0);
        else FailOver(dead, 1_000);
    });

    private void Follow(string dead, string successor, int hops)
    {
        if (hops > 8) FailOver(dead, 5_000);
        else TakeOver(successor, dead, () => FailOver(dead, 5_000), other =>
        {
            if (other is null) Become(GatewayRegistryCore.FailedOver(_state, dead));
            else if (_state.View.Find(other) is not null) Follow(dead, other, hops + 1);
            else TakeOver(successor, other, () => FailOver(dead, 5_000), _ => Follow(dead, successor, hops + 1));
        });
    }

    /// <param name="done">Told which other gateway has the sessions; null: this one.</param>
    private void TakeOver(string successor, string dead, Action failed, Action<string?> done) =>
        world.After(world.Random.Next(1, 50), null, () => Ask(successor, dead, failed, done));

    private void Ask(string successor, string dead, Action failed, Action<string?> done)
    {
        if (world.Living(successor) is not { } gateway || world.Fails(0.1))
        {
            failed();
            return;
        }
        var progress = gateway.TakeOverFrom(dead);
        if (world.Fails(0.1)) progress = gateway.TakeOverFrom(dead);
        if (world.Fails(0.1)) progress = null;
        switch (progress)
        {
            case null: failed(); break;
            case FailoverProgress.Done: done(null); break;
            case FailoverProgress.Elsewhere elsewhere: done(elsewhere.GatewayId); break;
            default: world.After(200, null, () => TakeOver(successor, dead, failed, done)); break;
        }
    }
}
