using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>
/// Shared subscriptions, of which one member gets a message (MQTT 5.0, 4.8.2). The tree chooses among the members of all gateways; this
/// knows the members here, for a message that another gateway sends to one of them, and for what a member leaves when its session ends.
/// </summary>
internal sealed class SharedSubscriptions(Forwarder forwarder, SessionJournal journal, GuardedDelivery guarded)
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

    /// <summary>Delivers a message that another gateway sent to a member here.</summary>
    /// <param name="shares">As clients write their filters.</param>
    /// <param name="matches">Of the message.</param>
    /// <param name="takes">Which members may have it.</param>
    /// <param name="owed">What is to be noted in the journal is added to it.</param>
    public void Deliver(
        Publication message, ImmutableArray<string> shares, List<SubscriptionMatch<Subscriber>> matches, Func<Session, bool> takes,
        List<StoredDelivery> owed)
    {
        // The last member here may have left while the message was on its way: then another gateway's gets it.
        var elsewhere = shares.Where(share => !TryDeliver(message, share, takes, owed)).ToArray();
        foreach (var match in elsewhere.Length == 0 ? [] : matches.ToArray())
        {
            if (match.Subscriber is RemoteShare { Gateway.IsAvailable: true } share && elsewhere.Contains(share.Filter))
                _ = forwarder.ForwardToEach(message, [match]);
        }
    }

    /// <summary>
    /// A member's session has ended: gives other members what it leaves. That they are owed it, and that the session is over, is one change
    /// in the store.
    /// </summary>
    public void PassOn(Session session, Delivery[] deliveries, SubscriptionTree<Subscriber> tree)
    {
        List<(Publication Message, StoredDelivery Owed)> owed = [];
        foreach (var delivery in deliveries)
        {
            if (PassOn(delivery.Message, delivery.Share!, tree) is { } noted) owed.Add((delivery.Message, noted));
        }
        if (owed.Count > 0) journal.PassOn(session.Stored, owed);
        foreach (var delivery in deliveries) delivery.Message.Release();
    }

    private StoredDelivery? PassOn(Publication message, string share, SubscriptionTree<Subscriber> tree)
    {
        // Not the thread's own list: a publisher here may be at it, whose message was one too many for the session.
        List<SubscriptionMatch<Subscriber>> matches = [];
        tree.Match(message.Topic, matches);
        matches.RemoveAll(match => match.Share != share);
        message.Keep();
        // Members whose fail-over is under way are not in the tree.
        if (matches.Count == 0) return Choose(share, static _ => true) is var (member, held) ? Deliver(message, member, held) : null;
        _ = forwarder.ForwardToEach(message, matches);
        return matches is [{ Subscriber: Session chosen, Options: var options, SubscriptionId: var id }]
            ? guarded.Deliver(chosen, Delivery.Of(message, options, SubscriptionIdentifiers.Of(id), share), isHere: false) : null;
    }

    private bool TryDeliver(Publication message, string share, Func<Session, bool> takes, List<StoredDelivery> owed)
    {
        var member = Choose(share, takes) ?? Choose(share, session => session.Intake?.IsOpen ?? true);
        if (member is not var (chosen, subscription)) return false;
        if (Deliver(message, chosen, subscription) is { } noted) owed.Add(noted);
        return true;
    }

    private StoredDelivery? Deliver(Publication message, Session member, in HeldSubscription subscription)
    {
        var identifiers = SubscriptionIdentifiers.Of(subscription.Identifier);
        return guarded.Deliver(
            member, Delivery.Of(message, subscription.Options, identifiers, subscription.Filter.Share), isHere: false);
    }

    /// <summary>The next member, rather a connected one; null if there is none.</summary>
    private (Session Session, HeldSubscription Subscription)? Choose(string filter, Func<Session, bool> takes)
    {
        lock (_gate)
        {
            if (!_shares.TryGetValue(filter, out var share)) return null;
            uint start = share.Turn++;
            (Session, HeldSubscription)? away = null;
            for (int i = 0; i < share.Members.Count; i++)
            {
                var member = share.Members[(int)((start + (uint)i) % (uint)share.Members.Count)];
                if (!takes(member.Session)) continue;
                if (member.Session.IsConnected) return member;
                away ??= member;
            }
            return away;
        }
    }

    private sealed class Share
    {
        public uint Turn { get; set; }
        public List<(Session Session, HeldSubscription Subscription)> Members { get; } = [];
    }
}
