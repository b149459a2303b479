using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Handoff;

/// <summary>A client's session between gateways: the state, and the sessions that it speaks of.</summary>
internal sealed class Passage
{
    public HandoffState State { get; set; } = HandoffState.None;

    /// <summary>The session that leaves.</summary>
    public Session? Leaving { get; set; }

    /// <summary>Of the session that leaves, as they were when it began to.</summary>
    public HeldSubscription[] Subscriptions { get; set; } = [];

    /// <summary>What the other gateway was given last.</summary>
    public MovedMessages? Copied { get; set; }

    /// <summary>
    /// Messages of shared subscriptions for the session that leaves which no other gateway has: they came when the one that has a copy was
    /// dead. Guarded by itself; one for each copy.
    /// </summary>
    public List<Delivery> Unsent { get; set; } = [];
    public InboundHandoff? Coming { get; set; }

    public MovedSession ToMoved(string gatewayId) => new(
        gatewayId,
        [.. Subscriptions.Select(s => new MovedSubscription(
            s.Filter.Text, (byte)s.Options.Qos, s.Options.NoLocal, s.Options.RetainAsPublished, s.Identifier,
            s.OwesRetained))],
        Leaving!.ExpirySeconds, State.Out!.Epoch, Leaving.Identity.Epoch);
}

/// <summary>A session on its way here.</summary>
/// <param name="from">The gateway that has it.</param>
/// <param name="epoch">With which it was taken over there.</param>
internal sealed class InboundHandoff(Session session, string from, SessionEpoch epoch)
{
    public Session Session => session;
    public string From => from;
    public SessionEpoch Epoch => epoch;

    /// <summary>From the old gateway; null until they are here.</summary>
    public MovedMessages? Messages { get; set; }

    /// <summary>Completes when it is here, or will not be.</summary>
    public TaskCompletionSource Done { get; } = Background.NewSource();

    /// <summary>Returns when every gateway sends what matches.</summary>
    public Task Subscribe(ImmutableArray<MovedSubscription> subscriptions, Broker broker)
    {
        List<Task> known = [];
        foreach (var subscription in subscriptions)
        {
            var options = new SubscriptionOptions((Qos)subscription.Qos, subscription.NoLocal, subscription.RetainAsPublished);
            var held = new HeldSubscription(TopicFilter.Parse(subscription.Filter), options, subscription.Identifier)
            {
                OwesRetained = subscription.OwesRetained,
            };
            // Of a shared one the other gateway chooses while the session is there.
            if (held.Filter.IsShared) session.Subscriptions.Restore(held);
            else if (broker.Subscribe(session, held) is { } subscribed) known.Add(subscribed.Known);
        }
        return Task.WhenAll(known);
    }
}
