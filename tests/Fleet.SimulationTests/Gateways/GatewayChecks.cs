using System.Text;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Grains.Messaging;
using Fleet.Mqtt;
using Fleet.SimulationTests.Checks;

namespace Fleet.SimulationTests.Gateways;

/// <summary>What must hold at every step, and at the end.</summary>
internal sealed class GatewayChecks
{
    /// <summary>How long it may take until all know that a client has said goodbye.</summary>
    private static readonly TimeSpan WordTravels = TimeSpan.FromSeconds(5);

    private readonly GatewayWorld _world;
    private readonly HashSet<string> _wills = [];
    private readonly Dictionary<string, long> _diedAt = new(StringComparer.Ordinal);
    private GatewayRegistryState _registry = new();

    public GatewayChecks(GatewayWorld world)
    {
        _world = world;
        world.Disk.Landed += (_, _, now) =>
        {
            if (now is not GatewayRegistryState registry) return;
            foreach (var gone in _registry.Gateways.Where(member => registry.View.Find(member.Id) is null)) _diedAt[gone.Id] = world.Order;
            _registry = registry;
        };
    }

    /// <summary>The first that did not hold.</summary>
    public InvariantException? Broken { get; private set; }

    public void Demand(bool holds, string otherwise)
    {
        if (holds || Broken is not null) return;
        Broken = new InvariantException(otherwise);
        _world.Tell("BROKEN", () => otherwise);
    }

    /// <summary>A will has come.</summary>
    /// <param name="payload">Its client, and the number of the road.</param>
    public void Will(string payload)
    {
        _wills.Add(payload);
        var road = _world.Roads[int.Parse(payload.AsSpan(payload.IndexOf('/') + 1), null) - 1];
        // Whether its gateway's word of it has come, when another had to be asked, is a race.
        bool isKnown = road.Connection?.Ended == EndCause.ClientDisconnected && road.Gateway.IsAlive && Lives(road.GatewayId)
            && !road.Gateway.WasCutOff && _world.Clock.Elapsed - road.ClosedAt > WordTravels;
        Demand(!isKnown, $"The will of {payload} goes out though its client said goodbye");
    }

    public void AtEachStep()
    {
        foreach (var client in _world.Clients)
        {
            if (client.ExpirySeconds == 0) continue;
            int live = _world.Gateways.Count(gateway =>
                gateway is { IsAlive: true, IsOpen: true, IsCutOff: false } && Lives(gateway.Id)
                && gateway.Service<SessionDirectory>().Find(client.Key) is { IsConnected: true });
            Demand(live <= 1, $"{client.Id} has {live} live connections");
        }
    }

    /// <summary>What is not as it must be in the end; null: all is.</summary>
    public string? Unsettled()
    {
        GatewayProcess[] living = [.. _world.Living];
        foreach (var gateway in living)
        {
            if (!gateway.IsOpen) return $"{gateway.Label} does not open";
            var peers = gateway.Service<Peers>();
            if (peers.Dead.Count > 0) return $"{gateway.Label} has something for the dead {peers.Dead[0].Id}";
            if (peers.All.Count != living.Length - 1) return $"{gateway.Label} knows {peers.All.Count} others, and not {living.Length - 1}";
        }
        if (!_registry.Dead.IsEmpty) return $"Nobody has failed over {string.Join(", ", _registry.Dead)}";
        foreach (var client in _world.Clients)
        {
            if (client.At is not { } at) return $"{client.Id} is not let in";
            if (!client.IsSettled) return $"{client.Id} waits for an answer";
            GatewayProcess[] holders = [.. living.Where(gateway => gateway.Service<SessionDirectory>().Find(client.Key) is not null)];
            if (holders is not [var only] || only != at)
                return $"{client.Id} is at {at.Label}, and its session is not there alone";
            if (client.ExpirySeconds > 0 && _world.Sessions.FindGateway(client.Key, default).Result != at.Id)
                return $"{client.Id} is at {at.Label}, and in the store elsewhere";
        }
        return _world.Ledger.FirstLost() ?? FirstWillLost() ?? RetainedDisagree(living);
    }

    /// <summary>As far as the others know.</summary>
    public bool Lives(string gatewayId) => DiedAt(gatewayId) is null;

    /// <summary>When the others heard that it is dead, in the world's order of events; null: it lives.</summary>
    public long? DiedAt(string gatewayId) =>
        _registry.View.Find(gatewayId) is not null ? null : _diedAt.GetValueOrDefault(gatewayId, long.MaxValue);

    private string? FirstWillLost()
    {
        foreach (var road in _world.Roads)
        {
            // What a gateway publishes that is cut off, or is about to be killed, or whose store fails, may be lost with it.
            bool isSafe = !_world.MayRefuse && !road.Gateway.WasCutOff
                && (Lives(road.GatewayId) || road.Gateway.HasStopped || (!road.Gateway.IsAlive && road.ClosedAt == TimeSpan.Zero));
            if (isSafe && road is { Will: { } will, IsWatched: true, Client: { ExpirySeconds: > 0, WillDelaySeconds: 0 } client }
                && client.Road != road && !road.SaidGoodbye && !_wills.Contains(will))
                return $"The will of {will} has never come";
        }
        return null;
    }

    private string? RetainedDisagree(GatewayProcess[] living)
    {
        foreach (string topic in Topics.Retained)
        {
            string? stored = _world.Retained.Messages.GetValueOrDefault(topic) is { } message
                ? Encoding.UTF8.GetString(message.Payload.Span) : null;
            foreach (var gateway in living)
            {
                var retained = gateway.Service<RetainedMessages>();
                if (!retained.IsRead) return $"{gateway.Label} has not read what is retained";
                int looks = int.MaxValue;
                var cursor = retained.Open(new HeldSubscription(TopicFilter.Parse(topic), default, 0), since: 0);
                string? here = cursor.TryNext(owner: null!, long.MinValue, ref looks, out var found, out _)
                    ? Encoding.UTF8.GetString(found.Payload.Span) : null;
                if (here != stored) return $"{gateway.Label} retains {here ?? "nothing"} of {topic}, and the store {stored ?? "nothing"}";
            }
        }
        return null;
    }
}
