namespace Fleet.Mqtt;

/// <summary>Subscriptions by subscriber: a plain array, with an index beside it once a whole fleet has the same filter.</summary>
internal sealed class SubscriberList<TSubscriber> where TSubscriber : notnull
{
    private const int MaxScanned = 16;

    private SubscriptionMatch<TSubscriber>[] _items = [];
    private Dictionary<TSubscriber, int>? _index;

    public int Count { get; private set; }
    public ReadOnlySpan<SubscriptionMatch<TSubscriber>> Items => _items.AsSpan(0, Count);

    /// <returns>True if it is new; false if it replaced one.</returns>
    public bool Set(in SubscriptionMatch<TSubscriber> item)
    {
        int at = IndexOf(item.Subscriber);
        if (at >= 0)
        {
            _items[at] = item;
            return false;
        }
        if (Count == _items.Length) Array.Resize(ref _items, Math.Max(1, Count * 2));
        _items[Count] = item;
        if (_index is not null) _index.Add(item.Subscriber, Count);
        Count++;
        if (Count > MaxScanned) _index ??= BuildIndex();
        return true;
    }

    public bool Remove(TSubscriber subscriber)
    {
        int at = IndexOf(subscriber);
        if (at < 0) return false;
        Count--;
        _index?.Remove(subscriber);
        if (at != Count)
        {
            _items[at] = _items[Count];
            if (_index is not null) _index[_items[at].Subscriber] = at;
        }
        _items[Count] = default;
        if (Count <= MaxScanned / 2) _index = null;
        if (Count <= _items.Length / 4) Array.Resize(ref _items, Count);
        return true;
    }

    private int IndexOf(TSubscriber subscriber)
    {
        if (_index is not null) return _index.TryGetValue(subscriber, out int at) ? at : -1;
        for (int i = 0; i < Count; i++)
        {
            if (EqualityComparer<TSubscriber>.Default.Equals(_items[i].Subscriber, subscriber)) return i;
        }
        return -1;
    }

    private Dictionary<TSubscriber, int> BuildIndex()
    {
        var index = new Dictionary<TSubscriber, int>(Count);
        for (int i = 0; i < Count; i++) index.Add(_items[i].Subscriber, i);
        return index;
    }
}
