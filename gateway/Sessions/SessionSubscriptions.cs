using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <param name="Identifier">0: it has none.</param>
internal readonly record struct HeldSubscription(TopicFilter Filter, SubscriptionOptions Options, uint Identifier)
{
    /// <summary>Some of the retained messages that it asked for are yet to come.</summary>
    public bool OwesRetained { get; init; }

    public bool Covers(string topicName) => Filter.Filter == topicName || (Filter.HasWildcards && Filter.Matches(topicName));
}

/// <param name="Before">What stood under the filter; null: nothing did.</param>
/// <param name="Position">Where the change is durable; null: it is as durable as it ever will be.</param>
internal readonly record struct SubscriptionChange(HeldSubscription? Before, JournalPosition? Position);

/// <summary>What a session has subscribed with. Guards itself with the session's lock.</summary>
internal sealed class SessionSubscriptions(Lock gate, int max)
{
    private readonly Dictionary<string, HeldSubscription> _byText = new(StringComparer.Ordinal);
    private StoredSession? _stored;
    private bool _ended;

    public HeldSubscription[] All
    {
        get { lock (gate) return [.. _byText.Values]; }
    }

    /// <summary>Notes a subscription. False if there are too many already, or the session has ended.</summary>
    /// <param name="change">What it changes, and where that is durable.</param>
    public bool TryAdd(in HeldSubscription subscription, out SubscriptionChange change)
    {
        lock (gate)
        {
            change = default;
            string text = subscription.Filter.Text;
            var before = Find(text);
            if (_ended || (_byText.Count >= max && before is null)) return false;
            var held = subscription with { OwesRetained = before?.OwesRetained ?? subscription.OwesRetained };
            _byText[text] = held;
            change = new(before, Note(held));
            return true;
        }
    }

    public bool Has(TopicFilter filter)
    {
        lock (gate) return _byText.ContainsKey(filter.Text);
    }

    /// <summary>If the session is kept in the store, that knows from now on that it is owed retained messages.</summary>
    /// <param name="filter">As the client wrote it.</param>
    public void OweRetained(string filter)
    {
        lock (gate)
        {
            if (_stored is not null && Find(filter) is { OwesRetained: false } held) Change(held with { OwesRetained = true });
        }
    }

    /// <summary>It has got them.</summary>
    /// <param name="filter">As the client wrote it.</param>
    public void SettleRetained(string filter)
    {
        lock (gate)
        {
            if (_stored is not null && Find(filter) is { OwesRetained: true } held) Change(held with { OwesRetained = false });
        }
    }

    public SubscriptionChange Remove(TopicFilter filter)
    {
        lock (gate)
        {
            if (!_byText.Remove(filter.Text, out var removed)) return default;
            return new(removed, _stored?.Unsubscribed(filter.Text));
        }
    }

    /// <summary>Puts one of the store back, whatever their bound is now: it was granted.</summary>
    public void Restore(in HeldSubscription subscription)
    {
        lock (gate) _byText[subscription.Filter.Text] = subscription;
    }

    /// <summary>The session is kept in the store; what is subscribed already may be there or not.</summary>
    public void Keep(StoredSession stored)
    {
        lock (gate)
        {
            _stored = stored;
            foreach (var subscription in _byText.Values) Note(subscription);
        }
    }

    /// <summary>The session is kept in the store, which has what is restored.</summary>
    public void Restore(StoredSession stored)
    {
        lock (gate) _stored = stored;
    }

    /// <summary>The session has ended: no more come in. Returns what there was.</summary>
    public TopicFilter[] End()
    {
        lock (gate)
        {
            _ended = true;
            TopicFilter[] filters = [.. _byText.Values.Select(subscription => subscription.Filter)];
            _byText.Clear();
            return filters;
        }
    }

    /// <summary>The best QoS asked for on a topic name, or null if it was not asked for at all.</summary>
    public Qos? BestQos(string topicName)
    {
        Qos? best = null;
        lock (gate)
        {
            foreach (var subscription in _byText.Values)
            {
                if ((best is null || subscription.Options.Qos > best) && subscription.Covers(topicName)) best = subscription.Options.Qos;
            }
        }
        return best;
    }

    /// <summary>Of all subscriptions that cover a topic name.</summary>
    public byte[]? Identifiers(ReadOnlySpan<byte> topicName)
    {
        string? name = null;
        byte[]? identifiers = null;
        lock (gate)
        {
            foreach (var subscription in _byText.Values)
            {
                if (subscription.Identifier == 0) continue;
                name ??= System.Text.Encoding.UTF8.GetString(topicName);
                if (subscription.Covers(name))
                    identifiers = SubscriptionIdentifiers.Join(identifiers, SubscriptionIdentifiers.Of(subscription.Identifier));
            }
        }
        return identifiers;
    }

    private void Change(in HeldSubscription held)
    {
        _byText[held.Filter.Text] = held;
        Note(held);
    }

    private JournalPosition? Note(in HeldSubscription subscription) => _stored?.Subscribed(
        subscription.Filter.Text, subscription.Options.ToByte(MqttVersion.V5), subscription.Identifier, subscription.OwesRetained);

    private HeldSubscription? Find(string text) => _byText.TryGetValue(text, out var held) ? held : null;
}

/// <summary>
/// Subscription identifiers as a PUBLISH has them: properties, one after the other. Null stands for none. MQTT 5.0, 3.3.2.3.8.
/// </summary>
internal static class SubscriptionIdentifiers
{
    /// <summary>Clients number their subscriptions from 1: what one of these brings allocates nothing.</summary>
    private static readonly byte[][] Small =
        [.. Enumerable.Range(0, 128).Select(id => new[] { (byte)PropertyId.SubscriptionIdentifier, (byte)id })];

    /// <param name="id">0: none.</param>
    public static byte[]? Of(uint id) => id == 0 ? null
        : id < (uint)Small.Length ? Small[id]
        : new PropertyBuilder().Add(PropertyId.SubscriptionIdentifier, id).Properties.Bytes.ToArray();

    public static byte[]? Join(byte[]? some, byte[]? others) => some is null ? others : others is null ? some : [.. some, .. others];
}
