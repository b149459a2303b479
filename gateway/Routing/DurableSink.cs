using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>
/// Stores messages for something outside of MQTT: a rule. It stands in the subscription tree of every gateway, so the one that the
/// publisher is on hands it the message, and the others do not.
/// </summary>
internal abstract class DurableSink : Subscriber
{
    public override bool IsAvailable => true;

    /// <summary>Whether it can take one more message. What a client publishes at QoS 1 or 2 while it cannot is refused, so that it tries again.</summary>
    public abstract bool HasRoom { get; }

    /// <summary>Takes a message; one that nobody would send again, it may drop if it has no room.</summary>
    /// <param name="publisher">Null: the service itself, or a client that is gone (its will).</param>
    /// <returns>Completes when the message is durable; fails if it is not.</returns>
    public abstract Task Keep(Publication message, Session? publisher);

    /// <summary>Whether all sinks among the subscribers can take the message.</summary>
    public static bool HaveRoom(Publication message, List<SubscriptionMatch<Subscriber>> matches)
    {
        if (message.Qos == Qos.AtMostOnce) return true;
        foreach (var match in matches)
        {
            if (match.Subscriber is DurableSink { HasRoom: false }) return false;
        }
        return true;
    }

    /// <summary>Hands the message to all sinks among the subscribers.</summary>
    public static Task KeepAll(Publication message, List<SubscriptionMatch<Subscriber>> matches, Session? publisher)
    {
        var kept = Task.CompletedTask;
        foreach (var match in matches)
        {
            if (match.Subscriber is DurableSink sink) kept = Both(kept, sink.Keep(message, publisher));
        }
        return kept;
    }

    public static Task Both(Task one, Task other) =>
        one.IsCompletedSuccessfully ? other : other.IsCompletedSuccessfully ? one : Task.WhenAll(one, other);
}
