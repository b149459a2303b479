using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Links;

/// <summary>
/// What this gateway advertises to the others: each topic filter that one of its sessions has, once. The others are told when the first
/// subscriber comes and when the last one goes, in the order in which that happens.
/// </summary>
internal sealed class Routes(Peers peers)
{
    private const int FiltersPerFrame = 1_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Route> _advertised = new(StringComparer.Ordinal);

    /// <summary>A session has a new subscription.</summary>
    /// <returns>Completes when every other gateway sends what matches.</returns>
    public Task Advertise(TopicFilter filter)
    {
        string wide = Widen(filter);
        lock (_gate)
        {
            if (_advertised.TryGetValue(wide, out var route))
            {
                route.Subscriptions++;
                return route.Announced;
            }
            _advertised.Add(wide, route = new Route());
            if (peers.Any) route.Announced = Tell(new LinkFrame.Advertised([wide]));
            return route.Announced;
        }
    }

    /// <summary>A subscription that was there before: completes when every other gateway knows.</summary>
    public Task WhenAdvertised(TopicFilter filter)
    {
        lock (_gate) return _advertised.TryGetValue(Widen(filter), out var route) ? route.Announced : Task.CompletedTask;
    }

    /// <summary>A subscription is gone.</summary>
    public void Withdraw(TopicFilter filter)
    {
        string wide = Widen(filter);
        lock (_gate)
        {
            if (!_advertised.TryGetValue(wide, out var route) || --route.Subscriptions > 0) return;
            _advertised.Remove(wide);
            if (peers.Any) _ = Tell(new LinkFrame.Withdrawn(wide));
        }
    }

    /// <summary>Advertises to a gateway that has just come; from here on it hears of changes.</summary>
    public void Meet(RemoteGateway peer)
    {
        lock (_gate)
        {
            foreach (string[] filters in _advertised.Keys.Chunk(FiltersPerFrame))
                _ = peer.Link.Post(new LinkFrame.Advertised([.. filters]));
            _ = peer.Link.Post(new LinkFrame.Ready());
            peers.Add(peer);
        }
    }

    /// <summary>
    /// What the others are told. A device has some ten filters below its own name: they count as one route, and what comes too much
    /// is dropped on arrival. The share of a shared subscription stays as it is, because the sender chooses among the gateways that
    /// have it.
    /// </summary>
    public static string Widen(TopicFilter filter)
    {
        const string Things = "$aws/things/";
        if (filter.IsShared || !filter.Filter.StartsWith(Things, StringComparison.Ordinal)) return filter.Text;
        int slash = filter.Filter.IndexOf('/', Things.Length);
        return slash < 0 || filter.Filter.AsSpan(Things.Length, slash - Things.Length).ContainsAny('+', '#')
            ? filter.Text : $"{filter.Filter.AsSpan(0, slash)}/#";
    }

    private Task Tell(LinkFrame frame) => Task.WhenAll(peers.All.Select(peer => peer.Link.Post(frame)));

    private sealed class Route
    {
        public int Subscriptions { get; set; } = 1;
        public Task Announced { get; set; } = Task.CompletedTask;
    }
}
