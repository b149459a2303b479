using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>What a session has subscribed with. Guarded by the session's lock.</summary>
internal sealed class SessionSubscriptions(int max)
{
    private readonly Dictionary<string, (TopicFilter Filter, SubscriptionOptions Options)> _byText = new(StringComparer.Ordinal);

    public (TopicFilter Filter, SubscriptionOptions Options)[] All => [.. _byText.Values];

    /// <returns>False if there are too many.</returns>
    public bool TrySet(TopicFilter filter, SubscriptionOptions options)
    {
        if (_byText.Count >= max && !_byText.ContainsKey(filter.Text)) return false;
        _byText[filter.Text] = (filter, options);
        return true;
    }

    public bool Remove(TopicFilter filter) => _byText.Remove(filter.Text);

    public TopicFilter[] TakeAll()
    {
        TopicFilter[] filters = [.. _byText.Values.Select(subscription => subscription.Filter)];
        _byText.Clear();
        return filters;
    }

    /// <summary>The best QoS asked for on a topic name, or null if it was not asked for at all.</summary>
    public Qos? BestQos(string topicName)
    {
        Qos? best = null;
        foreach (var (filter, options) in _byText.Values)
        {
            if ((best is null || options.Qos > best) && (filter.Filter == topicName || (filter.HasWildcards && filter.Matches(topicName)))) best = options.Qos;
        }
        return best;
    }
}
