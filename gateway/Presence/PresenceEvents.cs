using System.Buffers;
using System.Text;
using System.Text.Json;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Devices;
using Fleet.Mqtt;

namespace Fleet.Gateway.Presence;

/// <summary><c>$aws/events/presence/connected|disconnected/{clientId}</c>: spec/aws-iot-topics.md, 5.1. Made only if somebody listens.</summary>
internal sealed class PresenceEvents(Broker broker, GatewayClock clock)
{
    public void Connected(SessionIdentity identity) => Publish(identity, "connected", json => json.WriteString("ipAddress", identity.RemoteAddress));

    public void Disconnected(SessionIdentity identity, EndCause cause) => Publish(identity, "disconnected", json =>
    {
        json.WriteBoolean("clientInitiatedDisconnect", cause.Reason == DisconnectReason.ClientInitiatedDisconnect);
        json.WriteString("disconnectReason", Name(cause.Reason));
    });

    private void Publish(SessionIdentity identity, string what, Action<Utf8JsonWriter> more)
    {
        // They would be wildcards in the event's topic: such clients produce no events.
        if (identity.ClientId.AsSpan().ContainsAny('#', '+')) return;
        byte[] topic = Encoding.UTF8.GetBytes($"$aws/events/presence/{what}/{identity.ClientId}");
        if (!broker.HasSubscribers(topic)) return;
        var payload = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(payload))
        {
            json.WriteStartObject();
            json.WriteString("clientId", identity.ClientId);
            json.WriteNumber("timestamp", clock.UtcNow.ToUnixTimeMilliseconds());
            json.WriteString("eventType", what);
            json.WriteString("sessionIdentifier", identity.SessionId);
            json.WriteString("principalIdentifier", identity.Principal);
            more(json);
            json.WriteNumber("versionNumber", identity.Epoch);
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
