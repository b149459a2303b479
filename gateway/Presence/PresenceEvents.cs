using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Presence;

/// <summary>
/// <c>$aws/events/presence/connected|disconnected|connect_failed/{clientId}</c>: spec/aws-iot-topics.md, 5.1. Made only if somebody
/// listens.
/// </summary>
internal sealed class PresenceEvents(Broker broker, GatewayClock clock)
{
    private readonly LifecycleEvents _events = new("$aws/events/presence", broker, clock);

    public void Connected(SessionIdentity identity) =>
        _events.Publish("connected", identity.ClientId, identity.ConnectionId, identity.Principal, json =>
        {
            json.WriteString("ipAddress", identity.RemoteAddress);
            json.WriteNumber("versionNumber", identity.Epoch);
        });

    /// <summary>A CONNECT was not authorised.</summary>
    /// <param name="principal">Certificate id; null without one.</param>
    public void ConnectFailed(string clientId, string sessionId, string? principal, string remoteAddress) =>
        _events.Publish("connect_failed", clientId, sessionId, principal ?? "", json =>
        {
            json.WriteString("ipAddress", remoteAddress);
            json.WriteString("connectFailureReason", "AUTHORIZATION_FAILED");
        });

    public void Disconnected(SessionIdentity identity, EndCause cause) =>
        Disconnected(identity.ClientId, identity.ConnectionId, identity.Principal, identity.Epoch, cause.Reason);

    /// <summary>Of a session whose gateway died without a word.</summary>
    public void Lost(LostSession session) =>
        Disconnected(session.ClientId, session.ConnectionId, session.Principal ?? "", session.Epoch, DisconnectReason.GatewayLost);

    private void Disconnected(string clientId, string sessionId, string principal, long epoch, DisconnectReason reason) =>
        _events.Publish("disconnected", clientId, sessionId, principal, json =>
        {
            json.WriteBoolean("clientInitiatedDisconnect", reason == DisconnectReason.ClientInitiatedDisconnect);
            json.WriteString("disconnectReason", Name(reason));
            json.WriteNumber("versionNumber", epoch);
        });

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
