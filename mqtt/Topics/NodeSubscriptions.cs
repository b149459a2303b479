namespace Fleet.Mqtt;

/// <summary>The subscriptions with one topic filter: the plain ones, and a list per share group.</summary>
internal sealed class NodeSubscriptions<TSubscriber> where TSubscriber : notnull
{
    private readonly SubscriberList<TSubscriber> _plain = new();
    private List<ShareGroup>? _groups;

    public bool IsEmpty => _plain.Count == 0 && _groups is null;

    public bool Set(string? share, TSubscriber subscriber, SubscriptionOptions options, uint subscriptionId)
    {
        var list = _plain;
        if (share is not null)
        {
            var group = Find(share);
            if (group is null) (_groups ??= []).Add(group = new ShareGroup(share));
            list = group.Members;
        }
        return list.Set(new(subscriber, options, subscriptionId, share));
    }

    public bool Remove(string? share, TSubscriber subscriber)
    {
        if (share is null) return _plain.Remove(subscriber);
        if (Find(share) is not { } group || !group.Members.Remove(subscriber)) return false;
        if (group.Members.Count == 0) _groups!.Remove(group);
        if (_groups!.Count == 0) _groups = null;
        return true;
    }

    public void AddTo(List<SubscriptionMatch<TSubscriber>> matches, Func<TSubscriber, bool>? isAvailable)
    {
        matches.AddRange(_plain.Items);
        if (_groups is null) return;
        foreach (var group in _groups) matches.Add(group.Choose(isAvailable));
    }

    private ShareGroup? Find(string share)
    {
        if (_groups is null) return null;
        foreach (var group in _groups)
        {
            if (group.Share == share) return group;
        }
        return null;
    }

    /// <summary>A share group's members take turns. MQTT 5.0, 4.8.2.</summary>
    private sealed class ShareGroup(string share)
    {
        private uint _turn;

        public string Share { get; } = share;
        public SubscriberList<TSubscriber> Members { get; } = new();

        public SubscriptionMatch<TSubscriber> Choose(Func<TSubscriber, bool>? isAvailable)
        {
            var members = Members.Items;
            uint start = _turn++;
            for (int i = 0; isAvailable is not null && i < members.Length; i++)
            {
                var member = members[(int)((start + (uint)i) % (uint)members.Length)];
                if (isAvailable(member.Subscriber)) return member;
            }
            return members[(int)(start % (uint)members.Length)];
        }
    }
}
