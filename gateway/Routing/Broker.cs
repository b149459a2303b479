using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>
/// Publish and subscribe: who gets a message, and which messages are retained. Other gateways stand in the same tree as this one's
/// sessions, so that a message is matched once, and a gateway that is alone pays nothing for them. Nothing here waits for a subscriber.
/// </summary>
internal sealed class Broker(
    RetainedMessages retained, Peers peers, Routes routes, Forwarder forwarder, SessionJournal journal, GuardedDelivery guarded)
{
    private readonly SubscriptionTree<Subscriber> _tree = new(subscriber => subscriber.IsAvailable);
    private readonly SharedSubscriptions _shares = new(forwarder, journal, guarded);
    private int _sinks;

    [ThreadStatic] private static List<SubscriptionMatch<Subscriber>>? t_matches;
    [ThreadStatic] private static List<StoredDelivery>? t_owed;

    /// <summary>Of sessions, rules and other gateways.</summary>
    public int Subscriptions => _tree.Count;

    /// <summary>Subscriptions that cover a topic name. The list is the thread's own and good until its next use.</summary>
    public List<SubscriptionMatch<Subscriber>> Match(ReadOnlySpan<byte> topicName)
    {
        var matches = t_matches ??= [];
        matches.Clear();
        _tree.Match(topicName, matches);
        return matches;
    }

    public bool HasSubscribers(ReadOnlySpan<byte> topicName) => Match(topicName).Count > 0;

    /// <summary>
    /// Hands a message to the subscribers that <see cref="Match"/> found, once each, at the best QoS of their subscriptions.
    /// </summary>
    /// <returns>
    /// Completes when the other gateways and the rules among them have it. Null: one of them has too much waiting, and no session here got
    /// it either. What has no publisher, nobody would send again: it is never null, and whoever has room gets it.
    /// </returns>
    /// <param name="packetId">Of a QoS 2 message, which its publisher may repeat with it; 0 otherwise.</param>
    /// <param name="position">Where it is durable for the persistent sessions here; null if nothing of it is stored for any.</param>
    public Task? Deliver(
        Publication message, List<SubscriptionMatch<Subscriber>> matches, Session? publisher, ushort packetId,
        out JournalPosition? position)
    {
        position = null;
        bool kept = Volatile.Read(ref _sinks) > 0, others = peers.HadAny;
        if (kept || others) message.Keep();
        // They go first: the message gets its number then, and no session here may see it without.
        var taken = publisher is null ? others ? forwarder.ForwardToEach(message, matches) : Task.CompletedTask
            : kept && !FanOut.HaveRoom(message, matches, publisher) ? null
            : others ? forwarder.Forward(message, matches) : Task.CompletedTask;
        if (taken is not null && kept) taken = FanOut.Both(taken, FanOut.Keep(message, matches, publisher));
        // Not held in the store before others have it: after a kill, a repeat of it is to reach those that have not.
        ushort heldAs = taken?.IsCompleted == true ? packetId : (ushort)0;
        if (taken is not null) position = DeliverHere(message, matches, publisher, heldAs, mustHold: kept);
        matches.Clear();
        return taken;
    }

    /// <summary>
    /// The rest of a message that sessions have already: retains it if it says so, and hands it to the rules, of which one, or the store,
    /// failed. If it is over a limit by now it is not retained: there is no refusing what sessions have.
    /// </summary>
    public Task KeepAgain(Publication message, Session? publisher)
    {
        var retaining = Task.CompletedTask;
        if (message.Retain) retained.Put(message, publisher?.Identity.Principal, out retaining);
        return FanOut.Both(retaining, FanOut.Keep(message, Match(message.Topic), publisher));
    }

    /// <summary>Whether nobody will have the message but clients that are here, in sessions that end with their connections.</summary>
    public bool IsPassing(List<SubscriptionMatch<Subscriber>> matches) => !peers.HadAny && Volatile.Read(ref _sinks) == 0
        && matches.TrueForAll(static match => match.Subscriber.TakesPassing);

    /// <summary>Routes a message that is in memory of its own; retains it if it says so.</summary>
    /// <param name="principal">Whose share it counts towards when it is retained; null: nobody's.</param>
    /// <returns>Completes when a retained message is durable, at once if it is over a limit.</returns>
    public Task Publish(Publication message, string? principal = null)
    {
        var durable = Task.CompletedTask;
        if (message.Retain) retained.Put(message, principal, out durable);
        Deliver(message, Match(message.Topic), publisher: null, packetId: 0, out _);
        return durable;
    }

    /// <summary>Delivers what another gateway published: to this one's sessions, and to nobody else.</summary>
    /// <param name="toAll">To all that subscribed, but for shared subscriptions.</param>
    /// <param name="shares">Shared subscriptions of which a member here is to have it.</param>
    /// <param name="from">The frame that brought it; null: it was published here.</param>
    /// <param name="leftBy">
    /// The message was for dead gateways: it is for the sessions that these left, and nobody else. None: it was not.
    /// </param>
    /// <returns>Where it is durable for the persistent sessions here.</returns>
    public JournalPosition DeliverForwarded(
        Publication message, bool toAll, ImmutableArray<string> shares, LinkMark? from, ImmutableArray<string> leftBy = default)
    {
        // Not the thread's own list, which a publisher here may have in use.
        List<SubscriptionMatch<Subscriber>> matches = [];
        List<StoredDelivery> owed = [];
        _tree.Match(message.Topic, matches);
        bool outlives = false;
        bool Takes(Session session)
        {
            bool takes = leftBy.IsDefault ? session.Intake?.IsOpenTo(from?.Sender) ?? true : session.Intake?.IsFor(leftBy) ?? false;
            outlives |= takes && session.ExpirySeconds > 0;
            return takes;
        }
        _shares.Deliver(message, shares, matches, Takes, owed);
        if (toAll)
        {
            matches.RemoveAll(match => match.Share is not null || match.Subscriber is not Session session || !Takes(session));
            FanOut.Deliver(message, matches, publisher: null, isHere: false, guarded, owed);
        }
        // What a session has had by another road before, or has before it is stored, does not come again either when this gateway is dead.
        if (owed.Count == 0 && (!outlives || message.Qos == Qos.AtMostOnce)) return JournalPosition.LongAgo;
        return journal.Note(message, owed, from: from);
    }

    /// <returns>
    /// Whether the subscription is new, a task that completes when the other gateways know of it, and what it changes; null if the session
    /// has too many.
    /// </returns>
    public (bool IsNew, Task Known, SubscriptionChange Change)? Subscribe(Session session, in HeldSubscription subscription)
    {
        if (!session.Subscriptions.TryAdd(subscription, out var change)) return null;
        var (isNew, known) = Add(session, subscription);
        BeginOwed(session, subscription);
        return (isNew, known, change);
    }

    /// <summary>Puts back a subscription of the store.</summary>
    public void Restore(Session session, in HeldSubscription subscription)
    {
        session.Subscriptions.Restore(subscription);
        // A shared one would be chosen for messages that it does not take yet.
        if (subscription.Filter.IsShared && session.Intake is { IsOpen: false }) _shares.Set(session, subscription);
        else Add(session, subscription);
        BeginOwed(session, subscription);
    }

    /// <summary>A restored session takes messages from all: it is chosen among the members of its shared subscriptions too.</summary>
    public void OpenShares(Session session)
    {
        foreach (var subscription in session.Subscriptions.All)
        {
            if (!subscription.Filter.IsShared) continue;
            Add(session, subscription);
            if (session.Subscriptions.All.All(held => held.Filter.Text != subscription.Filter.Text)) Remove(session, subscription.Filter);
        }
    }

    /// <summary>A session is at another gateway, which chooses it among the members of its shared subscriptions.</summary>
    public void CloseShares(Session session)
    {
        foreach (var subscription in session.Subscriptions.All.Where(subscription => subscription.Filter.IsShared))
            Remove(session, subscription.Filter);
    }

    /// <returns>False if there was no such subscription.</returns>
    public bool Unsubscribe(Session session, TopicFilter filter, out SubscriptionChange change)
    {
        change = session.Subscriptions.Remove(filter);
        return Remove(session, filter);
    }

    /// <summary>A session has ended: its subscriptions go, and so does what it was owed.</summary>
    public void Forget(Session session, EndedSession ended)
    {
        foreach (var filter in ended.Filters) Remove(session, filter);
        _shares.PassOn(session, ended.Shared, _tree);
        session.Clear();
    }

    /// <summary>Another gateway advertises a filter: it is sent what matches, from now on.</summary>
    public void Advertise(RemoteGateway gateway, TopicFilter filter)
    {
        if (gateway.Advertise(filter) is { } subscriber) _tree.Set(filter, subscriber, new SubscriptionOptions(Qos.ExactlyOnce));
    }

    public void Withdraw(RemoteGateway gateway, TopicFilter filter)
    {
        if (gateway.Withdraw(filter) is { } subscriber) _tree.Remove(filter, subscriber);
    }

    /// <summary>A rule gets what matches, of the messages that are published here.</summary>
    public void Subscribe(DurableSink sink, TopicFilter filter)
    {
        if (_tree.Set(filter, sink, new SubscriptionOptions(Qos.ExactlyOnce))) Interlocked.Increment(ref _sinks);
    }

    public void Unsubscribe(DurableSink sink, TopicFilter filter)
    {
        if (_tree.Remove(filter, sink)) Interlocked.Decrement(ref _sinks);
    }

    /// <summary>Another gateway is dead.</summary>
    public void Forget(RemoteGateway gateway)
    {
        foreach (var (filter, subscriber) in gateway.Leave()) _tree.Remove(filter, subscriber);
    }

    /// <summary>A subscription of another gateway's, or of the store, gets all of its retained messages if it lacks some.</summary>
    private void BeginOwed(Session session, in HeldSubscription subscription)
    {
        if (subscription.OwesRetained) session.BeginRetained(retained.Open(subscription, since: 0));
    }

    private (bool IsNew, Task Known) Add(Session session, in HeldSubscription subscription)
    {
        var filter = subscription.Filter;
        if (filter.IsShared) _shares.Set(session, subscription);
        bool isNew = _tree.Set(filter, session, subscription.Options, subscription.Identifier);
        var known = isNew ? routes.Advertise(filter) : routes.WhenAdvertised(filter);
        // The session may have ended in between: then nobody else would take this out again.
        if (session.HasEnded) Remove(session, filter);
        return (isNew, known);
    }

    private bool Remove(Session session, TopicFilter filter)
    {
        if (filter.IsShared) _shares.Remove(filter, session);
        if (!_tree.Remove(filter, session)) return false;
        routes.Withdraw(filter);
        return true;
    }

    /// <param name="mustHold">A rule took it: a QoS 2 message must be known for a repeat, whether or not a session here is owed it.</param>
    private JournalPosition? DeliverHere(
        Publication message, List<SubscriptionMatch<Subscriber>> matches, Session? publisher, ushort packetId, bool mustHold)
    {
        var owed = t_owed ??= [];
        FanOut.Deliver(message, matches, publisher, isHere: true, guarded, owed);
        var holder = packetId == 0 ? null : publisher!.Stored;
        if (owed.Count == 0 && (holder is null || !mustHold)) return null;
        var position = journal.Note(message, owed, holder, packetId);
        owed.Clear();
        return position;
    }
}
