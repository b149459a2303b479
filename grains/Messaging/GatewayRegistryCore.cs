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

/// <summary>How the fail-overs of the dead gateways went. In memory: the next activation begins those anew that are not stored.</summary>
internal sealed record GatewayFailovers
{
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(5);

    /// <summary>Gateways whose fail-over has ended well, and that still stand among the dead in the record.</summary>
    public ImmutableHashSet<string> Done { get; init; } = [];

    /// <summary>Null: none has failed yet.</summary>
    public DateTimeOffset? FailedAt { get; init; }

    /// <summary>The gateways that are still to be failed over.</summary>
    public IEnumerable<string> Left(ImmutableArray<string> dead) => dead.Where(gateway => !Done.Contains(gateway));

    /// <summary>False for a while after one has failed. A gateway that comes or goes is a reason not to wait.</summary>
    public bool MayTry(DateTimeOffset now) => FailedAt is not { } at || now - at >= TryAgainAfter || now < at;

    public GatewayFailovers Finished(string gateway) => this with { Done = Done.Add(gateway) };

    public GatewayFailovers Failed(DateTimeOffset now) => this with { FailedAt = now };
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
        // If this grain was stalled, missed beats prove nothing: they may be queued. Nor do they if the clock was set.
        bool slept = _lookedAt != default && (now - _lookedAt > GatewayLiveness.LookEvery * 3 || now < _lookedAt);
        _lookedAt = now;
        foreach (var gateway in gateways)
        {
            if (slept || !_heard.ContainsKey(gateway.Id)) _heard[gateway.Id] = now;
        }
        return [.. gateways.Where(gateway => now - _heard[gateway.Id] >= GatewayLiveness.DeadAfter).Select(gateway => gateway.Id)];
    }
}
