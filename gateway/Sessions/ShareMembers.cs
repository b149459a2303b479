using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>This gateway's members of each shared subscription, for a message that another gateway sends to one of them.</summary>
internal sealed class ShareMembers
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Share> _shares = new(StringComparer.Ordinal);

    public void Set(Session session, in HeldSubscription subscription)
    {
        var filter = subscription.Filter;
        lock (_gate)
        {
            if (!_shares.TryGetValue(filter.Text, out var share)) _shares.Add(filter.Text, share = new Share());
            share.Members.RemoveAll(member => member.Session == session);
            share.Members.Add((session, subscription));
        }
    }

    public void Remove(TopicFilter filter, Session session)
    {
        lock (_gate)
        {
            if (!_shares.TryGetValue(filter.Text, out var share)) return;
            share.Members.RemoveAll(member => member.Session == session);
            if (share.Members.Count == 0) _shares.Remove(filter.Text);
        }
    }

    /// <summary>The next member, rather a connected one; null if there is none.</summary>
    /// <param name="filter">As clients write it.</param>
    /// <param name="takes">Which members may have the message.</param>
    public (Session Session, HeldSubscription Subscription)? Choose(string filter, Func<Session, bool> takes)
    {
        lock (_gate)
        {
            if (!_shares.TryGetValue(filter, out var share)) return null;
            int start = share.Turn++ & int.MaxValue;
            (Session, HeldSubscription)? away = null;
            for (int i = 0; i < share.Members.Count; i++)
            {
                var member = share.Members[(int)((uint)(start + i) % (uint)share.Members.Count)];
                if (!takes(member.Session)) continue;
                if (member.Session.IsConnected) return member;
                away ??= member;
            }
            return away;
        }
    }

    private sealed class Share
    {
        public int Turn { get; set; }
        public List<(Session Session, HeldSubscription Subscription)> Members { get; } = [];
    }
}
