using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>Publish and subscribe: who gets a message, and which messages are retained. Nothing here waits for a subscriber.</summary>
internal sealed class Broker(RetainedMessages retained)
{
    private readonly SubscriptionTree<Session> _tree = new(session => session.IsConnected);

    [ThreadStatic] private static List<SubscriptionMatch<Session>>? t_matches;
    [ThreadStatic] private static Dictionary<Session, int>? t_seen;

    /// <summary>Subscriptions that cover a topic name. The list is the thread's own and good until its next use.</summary>
    public List<SubscriptionMatch<Session>> Match(ReadOnlySpan<byte> topicName)
    {
        var matches = t_matches ??= [];
        matches.Clear();
        _tree.Match(topicName, matches);
        return matches;
    }

    public bool HasSubscribers(ReadOnlySpan<byte> topicName) => Match(topicName).Count > 0;

    /// <summary>Hands a message to the subscribers that <see cref="Match"/> found, once each, at the best QoS of their subscriptions.</summary>
    public static void Deliver(Publication message, List<SubscriptionMatch<Session>> matches, Session? publisher)
    {
        if (matches.Count > 1) Merge(matches);
        foreach (var (session, options, _, _) in matches)
        {
            if (options.NoLocal && session == publisher) continue;
            var qos = options.Qos < message.Qos ? options.Qos : message.Qos;
            session.Deliver(new Delivery(message, qos, message.Retain && options.RetainAsPublished));
        }
        matches.Clear();
    }

    /// <summary>Routes a message that is in memory of its own; retains it if it says so.</summary>
    /// <returns>Completes when a retained message is durable.</returns>
    public Task Publish(Publication message, Session? publisher = null)
    {
        var durable = message.Retain && retained.TryPut(message, out var stored) ? stored : Task.CompletedTask;
        Deliver(message, Match(message.Topic), publisher);
        return durable;
    }

    /// <returns>True if the session did not have this subscription yet; null if it has too many.</returns>
    public bool? Subscribe(Session session, TopicFilter filter, SubscriptionOptions options)
    {
        if (!session.TryAddSubscription(filter, options.Qos)) return null;
        bool isNew = _tree.Set(filter, session, options);
        // The session may have ended in between: then nobody else would take this out again.
        if (session.HasEnded) _tree.Remove(filter, session);
        return isNew;
    }

    /// <returns>False if there was no such subscription.</returns>
    public bool Unsubscribe(Session session, TopicFilter filter)
    {
        session.RemoveSubscription(filter);
        return _tree.Remove(filter, session);
    }

    /// <summary>Takes the subscriptions of a session that has ended out of the tree.</summary>
    public void Forget(Session session, TopicFilter[] filters)
    {
        foreach (var filter in filters) _tree.Remove(filter, session);
    }

    /// <summary>Overlapping subscriptions of one session become one, with the best QoS. Shared ones stay apart (MQTT 5.0, 4.8.2).</summary>
    private static void Merge(List<SubscriptionMatch<Session>> matches)
    {
        var seen = t_seen ??= [];
        int kept = 0;
        for (int i = 0; i < matches.Count; i++)
        {
            var match = matches[i];
            if (match.Group is null && seen.TryGetValue(match.Subscriber, out int at))
            {
                var (a, b) = (matches[at].Options, match.Options);
                matches[at] = matches[at] with
                {
                    Options = new SubscriptionOptions(a.Qos > b.Qos ? a.Qos : b.Qos, a.NoLocal && b.NoLocal, a.RetainAsPublished || b.RetainAsPublished),
                };
                continue;
            }
            if (match.Group is null) seen[match.Subscriber] = kept;
            matches[kept++] = match;
        }
        matches.RemoveRange(kept, matches.Count - kept);
        seen.Clear();
    }
}
