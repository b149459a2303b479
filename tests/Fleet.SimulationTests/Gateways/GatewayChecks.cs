using Fleet.SimulationTests.Checks;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>What must hold at every step, and at the end.</summary>
internal sealed class GatewayChecks(History history)
{
    private readonly Dictionary<(string Key, int Publisher), int> _last = [];

    public InvariantException? Broken { get; private set; }

    public void Demand(bool holds, string otherwise)
    {
        if (holds || Broken is not null) return;
        Broken = new InvariantException(otherwise);
        history.Add("BROKEN", otherwise);
    }

    /// <summary>A session is owed a message, for good: once, and after those that its publisher published before.</summary>
    public void Stored(StoredRow row, SimulatedMessage message)
    {
        Demand(row.Deliveries.Values.Count(other => other == message) == 1, $"{row.Key} is owed {message} twice");
        int before = _last.GetValueOrDefault((row.Key, message.Publisher), -1);
        Demand(before < message.Sequence, $"{row.Key} is owed {message} after sequence {before}");
        _last[(row.Key, message.Publisher)] = Math.Max(before, message.Sequence);
    }

    /// <summary>At one gateway at most; and at the one whose it is in the store, unless that is taking it in, or dead.</summary>
    public void AtEachStep(GatewayWorld world)
    {
        foreach (var row in world.Store.Rows)
        {
            int places = world.Gateways.Count(gateway => Lives(gateway) && gateway.Sessions.ContainsKey(row.Key));
            Demand(places <= 1, $"{row.Key} is at {places} gateways");
            if (world.Living(world.Store.GatewayOf(row)) is { IsBeginning: false, Failover.IsLoading: false } owner && Lives(owner))
                Demand(owner.Sessions.ContainsKey(row.Key), $"{row.Key} is {owner.Id}'s in the store, and not there");
        }

        bool Lives(SimulatedGateway gateway) => gateway.IsAlive && !world.Store.IsFenced(gateway.Owner);
    }

    public void AtTheEnd(GatewayWorld world)
    {
        Demand(world.Registry.Dead.IsEmpty, $"Nobody has failed over {string.Join(", ", world.Registry.Dead)}");
        foreach (var gateway in world.Gateways.Where(gateway => gateway.IsAlive))
        {
            string left = string.Join(", ", gateway.Failover.Takeovers.Keys);
            Demand(left.Length == 0, $"{gateway.Id} is not done with {left}");
            Demand(gateway.Peers.Values.All(peer => !peer.IsDead), $"{gateway.Id} has something for the dead");
        }
        foreach (var row in world.Store.Rows)
        {
            var owner = world.Living(world.Store.GatewayOf(row));
            Demand(owner is not null, $"{row.Key} is owned by the dead {world.Store.GatewayOf(row)}");
            var owed = row.Deliveries.Values.ToHashSet();
            foreach (var message in world.Messages.Where(message => message.IsAcknowledged && message.Topic == row.Topic))
                Demand(owed.Contains(message), $"{row.Key} was never owed {message}, which was acknowledged");
        }
        if (Broken is { } broken) throw broken;
    }
}
