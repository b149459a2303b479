using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>Hands one message to the subscribers that it matches.</summary>
internal static class FanOut
{
    [ThreadStatic] private static Dictionary<Subscriber, int>? t_seen;

    /// <summary>Subscription identifiers of those matches that stand for several, by their place in the list.</summary>
    [ThreadStatic] private static Dictionary<int, byte[]>? t_joined;

    /// <summary>Hands the message to the sessions among the subscribers.</summary>
    /// <param name="isHere">It was published at this gateway: sessions that are not open to it yet get it another way.</param>
    /// <param name="owed">What is to be noted in the journal is added to it.</param>
    public static void Deliver(
        Publication message, List<SubscriptionMatch<Subscriber>> matches, Session? publisher, bool isHere, GuardedDelivery guarded,
        List<StoredDelivery> owed)
    {
        if (matches.Count > 1) Merge(matches, publisher);
        var joined = t_joined;
        for (int i = 0; i < matches.Count; i++)
        {
            var (subscriber, options, identifier, share) = matches[i];
            if (options.NoLocal && subscriber == publisher) continue;
            byte[]? several = null;
            if (joined?.Count > 0) joined.TryGetValue(i, out several);
            var delivery = Delivery.Of(message, options, several ?? SubscriptionIdentifiers.Of(identifier), share);
            if (guarded.Deliver(subscriber, delivery, isHere) is { } noted) owed.Add(noted);
        }
        joined?.Clear();
    }

    /// <summary>Whether somebody among the subscribers here is owed a message of this QoS by the store.</summary>
    public static bool IsForTheStore(List<SubscriptionMatch<Subscriber>> matches, Qos qos) => qos != Qos.AtMostOnce
        && matches.Exists(static match => match is { Subscriber.IsStored: true, Options.Qos: not Qos.AtMostOnce });

    /// <summary>Whether all subscribers can take the message.</summary>
    public static bool HaveRoom(Publication message, List<SubscriptionMatch<Subscriber>> matches, Session publisher)
    {
        if (message.Qos == Qos.AtMostOnce) return true;
        foreach (var match in matches)
        {
            if (!match.Subscriber.HasRoomFor(publisher, message.Payload.Length)) return false;
        }
        return true;
    }

    /// <summary>Hands the message to the subscribers that store it in their own way.</summary>
    public static Task Keep(Publication message, List<SubscriptionMatch<Subscriber>> matches, Session? publisher)
    {
        var kept = Task.CompletedTask;
        foreach (var match in matches) kept = Both(kept, match.Subscriber.Keep(message, publisher));
        return kept;
    }

    public static Task Both(Task one, Task other) =>
        one.IsCompletedSuccessfully ? other : other.IsCompletedSuccessfully ? one : Task.WhenAll(one, other);

    /// <summary>
    /// Overlapping subscriptions of one session become one, with the best QoS and the identifiers of all [MQTT-3.3.4-2 to 4]. Shared ones
    /// stay apart (MQTT 5.0, 4.8.2), and those that do not want what their own client publishes have no part in it.
    /// </summary>
    private static void Merge(List<SubscriptionMatch<Subscriber>> matches, Session? publisher)
    {
        var seen = t_seen ??= [];
        int kept = 0;
        for (int i = 0; i < matches.Count; i++)
        {
            var match = matches[i];
            if (match.Options.NoLocal && match.Subscriber == publisher) continue;
            if (match.Share is null && !seen.TryAdd(match.Subscriber, kept))
            {
                Join(matches, seen[match.Subscriber], match);
                continue;
            }
            matches[kept++] = match;
        }
        matches.RemoveRange(kept, matches.Count - kept);
        seen.Clear();
    }

    private static void Join(List<SubscriptionMatch<Subscriber>> matches, int at, in SubscriptionMatch<Subscriber> other)
    {
        var one = matches[at];
        var (a, b) = (one.Options, other.Options);
        matches[at] = one with
        {
            Options = new SubscriptionOptions(a.Qos > b.Qos ? a.Qos : b.Qos, NoLocal: false, a.RetainAsPublished || b.RetainAsPublished),
        };
        if (other.SubscriptionId == 0) return;
        var joined = t_joined ??= [];
        joined[at] = SubscriptionIdentifiers.Join(
            joined.GetValueOrDefault(at) ?? SubscriptionIdentifiers.Of(one.SubscriptionId),
            SubscriptionIdentifiers.Of(other.SubscriptionId))!;
    }
}

/// <summary>
/// Stores messages for something outside of MQTT: a rule. It stands in the subscription tree of every gateway, so the one that the
/// publisher is on hands it the message, and the others do not.
/// </summary>
internal abstract class DurableSink : Subscriber
{
    public override bool IsAvailable => true;

    public abstract override bool HasRoomFor(Session publisher, int bytes);

    public abstract override Task Keep(Publication message, Session? publisher);
}
