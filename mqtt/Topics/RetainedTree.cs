using System.Diagnostics.CodeAnalysis;

namespace Fleet.Mqtt;

/// <summary>
/// The mirror image of <see cref="SubscriptionTree{TSubscriber}"/>: stored topic names, each with a value, and filters to find them
/// by. Safe for any number of threads: one lock, held for the length of a call, under which nobody is called; nothing is recursive.
/// </summary>
public sealed class RetainedTree<TValue> where TValue : class
{
    private readonly Lock _gate = new();
    private readonly LevelTree<TValue> _tree = new();

    /// <summary>Topic names held.</summary>
    public int Count { get; private set; }

    /// <param name="topicName">A valid topic name, UTF-8.</param>
    /// <returns>The value that was there before.</returns>
    public TValue? Set(ReadOnlySpan<byte> topicName, TValue value)
    {
        lock (_gate)
        {
            var node = _tree.FindOrAdd(topicName);
            var before = node.Value;
            node.Value = value;
            if (before is null) Count++;
            return before;
        }
    }

    /// <returns>The value that was there, or null.</returns>
    public TValue? Remove(ReadOnlySpan<byte> topicName)
    {
        lock (_gate)
        {
            if (_tree.Find(topicName) is not { Value: { } value } node) return null;
            node.Value = null;
            _tree.Prune(node);
            Count--;
            return value;
        }
    }

    public TValue? Get(ReadOnlySpan<byte> topicName)
    {
        lock (_gate) return _tree.Find(topicName)?.Value;
    }

    /// <summary>Begins to go through the names that a filter covers, at the first <see cref="TryNext"/>.</summary>
    /// <param name="filter">Its share group is of no account: shared subscriptions get no retained messages. MQTT 5.0, 4.8.2.</param>
    public TopicWalk<TValue> Walk(TopicFilter filter) => new(_tree, filter);

    /// <summary>
    /// Goes on to the next name. What is there all the time is found once; of what comes or goes meanwhile, some.
    /// </summary>
    /// <param name="looks">How many nodes may be looked at; what is left of it afterwards. A call takes no longer than that.</param>
    /// <returns>False if the walk is over, or no look is left.</returns>
    public bool TryNext(TopicWalk<TValue> walk, ref int looks, [NotNullWhen(true)] out TValue? value)
    {
        lock (_gate) return walk.TryNext(ref looks, out value);
    }

    /// <summary>Ends a walk before its end: what it stands on may go.</summary>
    public void End(TopicWalk<TValue> walk)
    {
        lock (_gate) walk.End();
    }
}
