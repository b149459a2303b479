namespace Fleet.Mqtt;

/// <summary>
/// The mirror image of <see cref="SubscriptionTree{TSubscriber}"/>: stored topic names, each with a value, and filters to find them
/// by. Safe for any number of threads: one lock, held for the length of a call; nothing is recursive.
/// </summary>
public sealed class RetainedTree<TValue> where TValue : class
{
    private const int StackBytes = 512;

    private readonly Lock _gate = new();
    private readonly LevelTree<TValue> _tree = new();
    private List<LevelTree<TValue>.Node> _current = [], _next = [];

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

    /// <summary>Adds the values of all names that the filter covers to <paramref name="values"/>, in no particular order.</summary>
    /// <param name="filter">Its share group is of no account: shared subscriptions get no retained messages. MQTT 5.0, 4.8.2.</param>
    public void Match(TopicFilter filter, List<TValue> values)
    {
        using var path = new Utf8Scratch(filter.Filter, stackalloc byte[StackBytes]);
        lock (_gate)
        {
            _current.Clear();
            _next.Clear();
            _current.Add(_tree.Root);
            var levels = new TopicLevels(path.Bytes);
            while (_current.Count > 0 && levels.MoveNext())
            {
                foreach (var node in _current) Step(node, levels.Current, values);
                (_current, _next) = (_next, _current);
                _next.Clear();
            }
            foreach (var node in _current)
            {
                if (node.Value is { } value) values.Add(value);
            }
        }
    }

    private void Step(LevelTree<TValue>.Node node, ReadOnlySpan<byte> level, List<TValue> values)
    {
        if (level is [(byte)'#'])
        {
            // The parent level too: "a/#" covers "a" (4.7.1.2).
            AddSubtree(node, values);
        }
        else if (level is [(byte)'+'])
        {
            for (var child = node.FirstChild; child is not null; child = child.NextSibling)
            {
                if (!IsReserved(child)) _next.Add(child);
            }
        }
        else if (_tree.ChildOf(node, level) is { } child)
        {
            _next.Add(child);
        }
    }

    private void AddSubtree(LevelTree<TValue>.Node top, List<TValue> values)
    {
        var node = top;
        while (true)
        {
            if (node.Value is { } value) values.Add(value);
            var next = node.FirstChild ?? Beside(node, top);
            while (next is not null && IsReserved(next)) next = Beside(next, top);
            if (next is null) return;
            node = next;
        }
    }

    /// <summary>The next node that is not below this one, inside the subtree.</summary>
    private static LevelTree<TValue>.Node? Beside(LevelTree<TValue>.Node node, LevelTree<TValue>.Node top)
    {
        while (node != top)
        {
            if (node.NextSibling is { } sibling) return sibling;
            node = node.Parent!;
        }
        return null;
    }

    /// <summary>Root wildcards do not reach names that start with '$' [MQTT-4.7.2-1].</summary>
    private bool IsReserved(LevelTree<TValue>.Node node) => node.Parent == _tree.Root && node.Level is [(byte)'$', ..];
}
