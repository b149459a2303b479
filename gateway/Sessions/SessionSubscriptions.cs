using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <param name="Identifier">0: it has none.</param>
internal readonly record struct HeldSubscription(TopicFilter Filter, SubscriptionOptions Options, uint Identifier)
{
    public bool Covers(string topicName) => Filter.Filter == topicName || (Filter.HasWildcards && Filter.Matches(topicName));
}

/// <param name="Before">What stood under the filter; null: nothing did.</param>
/// <param name="Position">The journal's, at which the change is durable; 0: it is as durable as it ever will be.</param>
internal readonly record struct SubscriptionChange(HeldSubscription? Before, long Position);

/// <summary>What a session has subscribed with. Guarded by the session's lock.</summary>
internal sealed class SessionSubscriptions(int max)
{
    private readonly Dictionary<string, HeldSubscription> _byText = new(StringComparer.Ordinal);

    public HeldSubscription[] All => [.. _byText.Values];

    /// <param name="before">What stood under its filter.</param>
    /// <returns>False if there are too many.</returns>
    public bool TrySet(in HeldSubscription subscription, out HeldSubscription? before)
    {
        string text = subscription.Filter.Text;
        before = Find(text);
        if (_byText.Count >= max && before is null) return false;
        _byText[text] = subscription;
        return true;
    }

    public void Restore(in HeldSubscription subscription) => _byText[subscription.Filter.Text] = subscription;

    /// <returns>What stood there.</returns>
    public HeldSubscription? Remove(TopicFilter filter) => _byText.Remove(filter.Text, out var removed) ? removed : null;

    public TopicFilter[] RemoveAll()
    {
        TopicFilter[] filters = [.. _byText.Values.Select(subscription => subscription.Filter)];
        _byText.Clear();
        return filters;
    }

    private HeldSubscription? Find(string text) => _byText.TryGetValue(text, out var held) ? held : null;

    /// <summary>The best QoS asked for on a topic name, or null if it was not asked for at all.</summary>
    public Qos? BestQos(string topicName)
    {
        Qos? best = null;
        foreach (var subscription in _byText.Values)
        {
            if ((best is null || subscription.Options.Qos > best) && subscription.Covers(topicName)) best = subscription.Options.Qos;
        }
        return best;
    }

    /// <summary>Of all subscriptions that cover a topic name.</summary>
    public byte[]? Identifiers(ReadOnlySpan<byte> topicName)
    {
        string? name = null;
        byte[]? identifiers = null;
        foreach (var subscription in _byText.Values)
        {
            if (subscription.Identifier == 0) continue;
            name ??= System.Text.Encoding.UTF8.GetString(topicName);
            if (subscription.Covers(name))
                identifiers = SubscriptionIdentifiers.Join(identifiers, SubscriptionIdentifiers.Of(subscription.Identifier));
        }
        return identifiers;
    }
}
