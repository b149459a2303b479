using System.Diagnostics;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Presence;

/// <summary>
/// <c>$aws/events/presence/connected|disconnected|connect_failed/{name}</c>: spec/aws-iot-topics.md, 5.1. Made only if somebody listens.
/// A thing's name is its device's alone, in by the certificate of that thing; all others are named for what they are, whatever client id
/// they chose.
/// </summary>
internal sealed class PresenceEvents(Broker broker, GatewayClock clock)
{
    private readonly LifecycleEvents _events = new("$aws/events/presence", broker, clock);

    public void Connected(SessionIdentity identity) =>
        _events.Publish("connected", identity.Key, identity.ConnectionId, identity.Principal, json =>
        {
            json.WriteString("ipAddress", identity.RemoteAddress);
            json.WriteNumber("versionNumber", identity.Epoch.Value);
        });

    /// <summary>A CONNECT was not authorised.</summary>
    /// <param name="thing">Of a device whose certificate is good; null: what the client says of itself is worth nothing.</param>
    public void ConnectFailed(ThingName? thing, string clientId, string connectionId, ConnectionSource source)
    {
        string whoever = source.Certificate is { } certificate ? $"certificate/{certificate}" : $"unknown/{source.RemoteAddress}";
        string name = thing?.Value ?? $"{whoever}/{clientId}";
        _events.Publish("connect_failed", name, connectionId, source.Certificate?.Value ?? "", json =>
        {
            json.WriteString("ipAddress", source.RemoteAddress);
            json.WriteString("connectFailureReason", "AUTHORIZATION_FAILED");
        });
    }

    public void Disconnected(SessionIdentity identity, EndCause cause) =>
        Disconnected(identity.Key, identity.ConnectionId, identity.Principal, identity.Epoch, cause.Reason);

    /// <summary>Of a device's session whose gateway died without a word.</summary>
    public void Lost(LostSession session) =>
        Disconnected(session.ClientId, session.ConnectionId, session.Principal ?? "", session.Epoch, DisconnectReason.GatewayLost);

    private void Disconnected(string name, string connectionId, string principal, SessionEpoch epoch, DisconnectReason reason) =>
        _events.Publish("disconnected", name, connectionId, principal, json =>
        {
            json.WriteBoolean("clientInitiatedDisconnect", reason == DisconnectReason.ClientInitiatedDisconnect);
            json.WriteString("disconnectReason", Name(reason));
            json.WriteNumber("versionNumber", epoch.Value);
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
        DisconnectReason.ConnectionLost or DisconnectReason.GatewayLost => "CONNECTION_LOST",
        _ => throw new UnreachableException($"{reason} has no name in presence events"),
    };
}
