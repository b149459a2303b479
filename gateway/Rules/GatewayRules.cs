using System.Collections.Concurrent;
using System.Text;
using Fleet.Gateway.Routing;
using Fleet.Interfaces.Rules;
using Fleet.Mqtt;

namespace Fleet.Gateway.Rules;

/// <summary>The enabled rules, as this gateway knows them: in the subscription tree, and by name for basic ingest.</summary>
internal sealed class GatewayRules(Broker broker, RuleParts parts)
{
    /// <summary>
    /// Names that nobody has are the publishers' to choose: so many of them are told to the operator, and the others counted.
    /// </summary>
    private const int MaxNamesTold = 100;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, RuleSubscriber> _rules = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _told = new(StringComparer.Ordinal);
    private long _version = -1;

    public long Version => Volatile.Read(ref _version);

    /// <summary>Takes a newer table. Messages go by it on return.</summary>
    public void Apply(RuleTable table)
    {
        lock (_gate)
        {
            // An answer and a word of the registry may overtake each other.
            if (table.Version <= _version) return;
            var wanted = table.Rules.ToDictionary(rule => rule.Name.Value, StringComparer.Ordinal);
            foreach (var (name, rule) in _rules)
            {
                if (!wanted.ContainsKey(name)) Remove(name, rule);
            }
            foreach (var route in table.Rules) Put(route);
            Volatile.Write(ref _version, table.Version);
        }
    }

    /// <summary>Has every rule look into its queue: what was left there when the last process ended.</summary>
    public void WakeAll()
    {
        foreach (var (_, rule) in _rules) rule.Wake();
    }

    /// <summary>
    /// The rule of this name, for basic ingest. Null, and told once, if there is none or it is off (spec/aws-iot-topics.md, section 8).
    /// </summary>
    public RuleSubscriber? Find(string name)
    {
        if (_rules.TryGetValue(name, out var rule)) return rule;
        parts.Metrics.Dropped(RuleDrop.NoRule);
        if (_told.Count < MaxNamesTold && _told.TryAdd(name, true)) parts.Log.NoSuchRule(name);
        return null;
    }

    private void Put(RuleRoute route)
    {
        string name = route.Name.Value;
        if (_rules.TryGetValue(name, out var before))
        {
            // The rest of it is not the gateway's business.
            if (before.Route.TopicFilter == route.TopicFilter && before.Route.BasicIngest == route.BasicIngest) return;
        }
        var filter = route.TopicFilter is { } text ? TopicFilter.TryParse(text) : null;
        if (filter is null && route.TopicFilter is not null) parts.Log.FilterInvalid(name, route.TopicFilter);
        var rule = new RuleSubscriber(route, filter, parts);
        // The new one first: between the two a message goes to both rather than to none.
        _rules[name] = rule;
        if (filter is not null) broker.Subscribe(rule, filter);
        if (before?.Filter is { } old) broker.Unsubscribe(before, old);
        _told.TryRemove(name, out _);
    }

    private void Remove(string name, RuleSubscriber rule)
    {
        _rules.TryRemove(name, out _);
        if (rule.Filter is { } filter) broker.Unsubscribe(rule, filter);
    }
}
