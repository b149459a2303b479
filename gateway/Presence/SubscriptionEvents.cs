using System.Text.Json;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Presence;

/// <summary>
/// <c>$aws/events/subscriptions/subscribed|unsubscribed/{clientId}</c>, after the SUBACK or UNSUBACK: spec/aws-iot-topics.md, 5.1.
/// </summary>
internal sealed class SubscriptionEvents(Broker broker, GatewayClock clock)
{
    private readonly LifecycleEvents _events = new("$aws/events/subscriptions", broker, clock);

    /// <param name="filters">The topic filters that were granted, as the client wrote them.</param>
    public void Subscribed(SessionIdentity identity, IReadOnlyCollection<string> filters) => Publish("subscribed", identity, filters);

    /// <param name="filters">The topic filters that the client gave up.</param>
    public void Unsubscribed(SessionIdentity identity, IReadOnlyCollection<string> filters) => Publish("unsubscribed", identity, filters);

    private void Publish(string eventType, SessionIdentity identity, IReadOnlyCollection<string> filters)
    {
        if (filters.Count == 0) return;
        _events.Publish(eventType, identity.ClientId, identity.SessionId, identity.Principal, json =>
        {
            json.WriteStartArray("topics");
            foreach (string filter in filters) json.WriteStringValue(filter);
            json.WriteEndArray();
        });
    }
}
