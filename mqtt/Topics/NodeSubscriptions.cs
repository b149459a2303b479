namespace Fleet.Mqtt;

/// <summary>The subscriptions with one topic filter: the plain ones, and a list per share group.</summary>
internal sealed class NodeSubscriptions<TSubscriber> where TSubscriber : notnull
{
    private readonly SubscriberList<TSubscriber> _plain = new();
    private List<ShareGroup>? _groups;

    public bool IsEmpty => _plain.Count == 0 && _groups is null;

    public bool Set(string? group, TSubscriber subscriber, SubscriptionOptions options, uint subscriptionId)
    {
        var list = _plain;
        if (group is not null)
        {
            var shared = Find(group);
            if (shared is null) (_groups ??= []).Add(shared = new ShareGroup(group));
            list = shared.Members;
        }
        return list.Set(new(subscriber, options, subscriptionId, group));
    }

    public bool Remove(string? group, TSubscriber subscriber)
    {
        if (group is null) return _plain.Remove(subscriber);
        if (Find(group) is not { } shared || !shared.Members.Remove(subscriber)) return false;
        if (shared.Members.Count == 0) _groups!.Remove(shared);
        if (_groups!.Count == 0) _groups = null;
        return true;
    }

    public void AddTo(List<SubscriptionMatch<TSubscriber>> matches, Func<TSubscriber, bool>? isAvailable)
    {
        matches.AddRange(_plain.Items);
        if (_groups is null) return;
        foreach (var group in _groups) matches.Add(group.Choose(isAvailable));
    }

    private ShareGroup? Find(string name)
    {
        if (_groups is null) return null;
        foreach (var group in _groups)
        {
            if (group.Name == name) return group;
        }
        return null;
    }

    /// <summary>A share group's members take turns. MQTT 5.0, 4.8.2.</summary>
    private sealed class ShareGroup(string name)
    {
        private int _turn;

        public string Name { get; } = name;
        public SubscriberList<TSubscriber> Members { get; } = new();

        public SubscriptionMatch<TSubscriber> Choose(Func<TSubscriber, bool>? isAvailable)
        {
            var members = Members.Items;
            int start = _turn++ & int.MaxValue;
            for (int i = 0; isAvailable is not null && i < members.Length; i++)
            {
                var member = members[(int)((uint)(start + i) % (uint)members.Length)];
                if (isAvailable(member.Subscriber)) return member;
            }
            return members[start % members.Length];
        }
    }
}
