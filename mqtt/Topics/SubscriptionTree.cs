namespace Fleet.Mqtt;

/// <summary>A subscription that a topic name matched.</summary>
/// <param name="SubscriptionId">0 if the subscription has none.</param>
/// <param name="Share">The shared subscription that the subscriber was chosen for, as clients write its filter; else null.</param>
public readonly record struct SubscriptionMatch<TSubscriber>(
    TSubscriber Subscriber, SubscriptionOptions Options, uint SubscriptionId, string? Share);

/// <summary>
/// Who subscribed with what. A subscriber has at most one subscription per topic filter; a shared subscription is another one than
/// the plain subscription with the same filter. Safe for any number of threads: one lock, held for the length of a call. Nothing is
/// allocated to match once its lists have grown, and nothing is recursive, so that a topic of 32,000 levels is merely long.
/// </summary>
/// <param name="isAvailable">
/// Whom a shared subscription should choose while somebody in the group is: a connected one, say. Called under the lock.
/// </param>
public sealed class SubscriptionTree<TSubscriber>(Func<TSubscriber, bool>? isAvailable = null) where TSubscriber : notnull
{
    private const int StackBytes = 512;

    private readonly Lock _gate = new();
    private readonly LevelTree<NodeSubscriptions<TSubscriber>> _tree = new();
    private List<LevelTree<NodeSubscriptions<TSubscriber>>.Node> _current = [], _next = [];

    /// <summary>Subscriptions held.</summary>
    public int Count { get; private set; }

    /// <summary>Adds the subscription, or replaces the options of the one that is there.</summary>
    /// <param name="subscriptionId">0 for none.</param>
    /// <returns>True if it is new, which retain handling 1 asks. MQTT 5.0, 3.8.3.1.</returns>
    public bool Set(TopicFilter filter, TSubscriber subscriber, SubscriptionOptions options, uint subscriptionId = 0)
    {
        using var path = new Utf8Scratch(filter.Filter, stackalloc byte[StackBytes]);
        lock (_gate)
        {
            var node = _tree.FindOrAdd(path.Bytes);
            node.Value ??= new();
            bool isNew = node.Value.Set(filter.Share, subscriber, options, subscriptionId);
            if (isNew) Count++;
            return isNew;
        }
    }

    /// <returns>False if there was none.</returns>
    public bool Remove(TopicFilter filter, TSubscriber subscriber)
    {
        using var path = new Utf8Scratch(filter.Filter, stackalloc byte[StackBytes]);
        lock (_gate)
        {
            if (_tree.Find(path.Bytes) is not { Value: { } subscriptions } node || !subscriptions.Remove(filter.Share, subscriber))
                return false;
            Count--;
            if (subscriptions.IsEmpty)
            {
                node.Value = null;
                _tree.Prune(node);
            }
            return true;
        }
    }

    /// <summary>
    /// Adds every subscription that covers the topic name to <paramref name="matches"/>, in no particular order, and of each share
    /// group one, in turn. A subscriber with overlapping filters appears once for each.
    /// </summary>
    /// <param name="topicName">A valid topic name, UTF-8.</param>
    public void Match(ReadOnlySpan<byte> topicName, List<SubscriptionMatch<TSubscriber>> matches)
    {
        lock (_gate)
        {
            // All nodes that the levels read so far lead to.
            _current.Clear();
            _next.Clear();
            _current.Add(_tree.Root);
            bool reserved = topicName is [(byte)'$', ..], first = true;
            var levels = new TopicLevels(topicName);
            while (_current.Count > 0 && levels.MoveNext())
            {
                bool wildcards = !(first && reserved);   // [MQTT-4.7.2-1]
                first = false;
                foreach (var node in _current)
                {
                    if (_tree.ChildOf(node, levels.Current) is { } child) _next.Add(child);
                    if (!wildcards) continue;
                    if (node.SingleLevel is { } any) _next.Add(any);
                    node.MultiLevel?.Value?.AddTo(matches, isAvailable);
                }
                (_current, _next) = (_next, _current);
                _next.Clear();
            }
            foreach (var node in _current)
            {
                node.Value?.AddTo(matches, isAvailable);
                node.MultiLevel?.Value?.AddTo(matches, isAvailable);   // "a/#" covers "a" (4.7.1.2)
            }
        }
    }

    public void Match(string topicName, List<SubscriptionMatch<TSubscriber>> matches)
    {
        using var name = new Utf8Scratch(topicName, stackalloc byte[StackBytes]);
        Match(name.Bytes, matches);
    }
}
