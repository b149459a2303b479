using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>Who comes and who goes.</summary>
internal static class GatewayRegistryCore
{
    /// <summary>The same state for a gateway that is there, or that was taken for dead: an id is good for one life.</summary>
    public static GatewayRegistryState Join(GatewayRegistryState state, string gatewayId, string? name)
    {
        if (state.View.Find(gatewayId) is not null || state.Dead.Contains(gatewayId)) return state;
        var replaced = state.Gateways.Where(gateway => name is not null && gateway.Name == name).Select(gateway => gateway.Id);
        var left = Remove(state, [.. replaced]);
        return left with
        {
            Version = state.Version + 1,
            LastNumber = state.LastNumber + 1,
            Gateways = left.Gateways.Add(new GatewayMember(gatewayId, state.LastNumber + 1, name)),
        };
    }

    /// <summary>The gateways named are dead; the same state if none of them was alive.</summary>
    public static GatewayRegistryState Remove(GatewayRegistryState state, ImmutableArray<string> gateways)
    {
        var gone = state.Gateways.Where(gateway => gateways.Contains(gateway.Id)).Select(gateway => gateway.Id).ToImmutableArray();
        return gone.IsEmpty ? state : state with
        {
            Version = state.Version + 1,
            Gateways = state.Gateways.RemoveAll(gateway => gone.Contains(gateway.Id)),
            Dead = state.Dead.AddRange(gone),
        };
    }

    public static GatewayRegistryState FailedOver(GatewayRegistryState state, string gatewayId) =>
        state with { Version = state.Version + 1, Dead = state.Dead.Remove(gatewayId) };
}

/// <summary>When each gateway was heard last. In memory: a registry that was just activated has heard all of them just now.</summary>
internal sealed class GatewayBeats
{
    private readonly Dictionary<string, DateTimeOffset> _heard = new(StringComparer.Ordinal);
    private DateTimeOffset _lookedAt;

    public void Heard(string gatewayId, DateTimeOffset now) => _heard[gatewayId] = now;

    public void Forget(IEnumerable<string> gateways)
    {
        foreach (string gateway in gateways) _heard.Remove(gateway);
    }

    /// <summary>The gateways that have been silent for too long.</summary>
    public ImmutableArray<string> Silent(ImmutableArray<GatewayMember> gateways, DateTimeOffset now)
    {
        // Who slept is not to say that others were silent: their beats may be waiting at the door.
        // So it is when the clock was set: by how much says nothing.
        bool slept = _lookedAt != default && (now < _lookedAt || now - _lookedAt > GatewayLiveness.LookEvery * 3);
        _lookedAt = now;
        foreach (var gateway in gateways)
        {
            if (slept || !_heard.ContainsKey(gateway.Id)) _heard[gateway.Id] = now;
        }
        return [.. gateways.Where(gateway => now - _heard[gateway.Id] >= GatewayLiveness.DeadAfter).Select(gateway => gateway.Id)];
    }
}
