using System.Buffers;
using System.Text;
using System.Text.Json;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Presence;

/// <summary>What all events about a client have in common (spec/aws-iot-topics.md, 5.1). They are made only if somebody listens.</summary>
/// <param name="family">What their topics begin with.</param>
internal sealed class LifecycleEvents(string family, Broker broker, GatewayClock clock)
{
    /// <param name="eventType">Also the topic level before the name.</param>
    /// <param name="name">
    /// Of the client: a thing's own for its device alone; every other has a '/' in it, which no thing name can have
    /// (<see cref="SessionIdentity.Key"/>).
    /// </param>
    /// <param name="principal">Certificate id, or who signed in.</param>
    /// <param name="more">Writes the members that this event has beside them.</param>
    public void Publish(string eventType, string name, string connectionId, string principal, Action<Utf8JsonWriter> more)
    {
        // They would be wildcards in the event's topic: such clients produce no events.
        if (name.AsSpan().ContainsAny('#', '+')) return;
        byte[] topic = Encoding.UTF8.GetBytes($"{family}/{eventType}/{name}");
        if (!broker.HasSubscribers(topic)) return;
        var payload = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(payload))
        {
            json.WriteStartObject();
            json.WriteString("clientId", name);
            json.WriteNumber("timestamp", clock.UtcNow.ToUnixTimeMilliseconds());
            json.WriteString("eventType", eventType);
            json.WriteString("sessionIdentifier", connectionId);
            json.WriteString("principalIdentifier", principal);
            more(json);
            json.WriteEndObject();
        }
        _ = broker.Publish(new Publication(topic, payload.WrittenMemory, Qos.AtLeastOnce));
    }
}

/// <summary>
/// <c>$aws/events/subscriptions/subscribed|unsubscribed/{name}</c>, after the SUBACK or UNSUBACK: spec/aws-iot-topics.md, 5.1.
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
        _events.Publish(eventType, identity.Key, identity.ConnectionId, identity.Principal, json =>
        {
            json.WriteStartArray("topics");
            foreach (string filter in filters) json.WriteStringValue(filter);
            json.WriteEndArray();
        });
    }
}
