using System.Buffers;
using System.Text;
using System.Text.Json;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Presence;

/// <summary><c>$aws/events/presence/connected|disconnected/{clientId}</c>: spec/aws-iot-topics.md, 5.1. Made only if somebody listens.</summary>
internal sealed class PresenceEvents(Broker broker, GatewayClock clock)
{
    public void Connected(SessionIdentity identity) =>
        Publish("connected", identity.ClientId, identity.SessionId, identity.Principal, identity.Epoch, json => json.WriteString("ipAddress", identity.RemoteAddress));

    public void Disconnected(SessionIdentity identity, EndCause cause) =>
        Disconnected(identity.ClientId, identity.SessionId, identity.Principal, identity.Epoch, cause.Reason);

    /// <summary>Of a session whose gateway died without a word.</summary>
    public void Lost(LostSession session) =>
        Disconnected(session.ClientId, session.SessionId, session.Principal ?? "", session.Epoch, DisconnectReason.GatewayLost);

    private void Disconnected(string clientId, string sessionId, string principal, long epoch, DisconnectReason reason) =>
        Publish("disconnected", clientId, sessionId, principal, epoch, json =>
        {
            json.WriteBoolean("clientInitiatedDisconnect", reason == DisconnectReason.ClientInitiatedDisconnect);
            json.WriteString("disconnectReason", Name(reason));
        });

    private void Publish(string what, string clientId, string sessionId, string principal, long epoch, Action<Utf8JsonWriter> more)
    {
        // They would be wildcards in the event's topic: such clients produce no events.
        if (clientId.AsSpan().ContainsAny('#', '+')) return;
        byte[] topic = Encoding.UTF8.GetBytes($"$aws/events/presence/{what}/{clientId}");
        if (!broker.HasSubscribers(topic)) return;
        var payload = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(payload))
        {
            json.WriteStartObject();
            json.WriteString("clientId", clientId);
            json.WriteNumber("timestamp", clock.UtcNow.ToUnixTimeMilliseconds());
            json.WriteString("eventType", what);
            json.WriteString("sessionIdentifier", sessionId);
            json.WriteString("principalIdentifier", principal);
            more(json);
            json.WriteNumber("versionNumber", epoch);
            json.WriteEndObject();
        }
        _ = broker.Publish(new Publication(topic, payload.WrittenMemory, Qos.AtLeastOnce));
    }

    private static string Name(DisconnectReason reason) => reason switch
    {
        DisconnectReason.ClientInitiatedDisconnect => "CLIENT_INITIATED_DISCONNECT",
        DisconnectReason.ClientError => "CLIENT_ERROR",
        DisconnectReason.DuplicateClientId => "DUPLICATE_CLIENTID",
        DisconnectReason.MqttKeepAliveTimeout => "MQTT_KEEP_ALIVE_TIMEOUT",
        DisconnectReason.ServerInitiatedDisconnect => "SERVER_INITIATED_DISCONNECT",
        DisconnectReason.ServerError => "SERVER_ERROR",
        DisconnectReason.ForbiddenAccess => "FORBIDDEN_ACCESS",
        _ => "CONNECTION_LOST",
    };
}
