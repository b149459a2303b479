using Fleet.Gateway.Journal;
using Fleet.Interfaces.Devices;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>Why a connection is over: the reason code a 5.0 client reads, and the disconnectReason that presence events carry.</summary>
/// <param name="Code">Of the DISCONNECT the server sends; null: it sends none.</param>
/// <param name="Reason">spec/aws-iot-topics.md, 5.1.</param>
/// <param name="SendsWill">Whether the will goes out: always, but after a plain DISCONNECT.</param>
/// <param name="EndsSession">The session goes with the connection, whatever its expiry says.</param>
internal sealed record EndCause(ReasonCode? Code, DisconnectReason Reason, string Detail, bool SendsWill = true, bool EndsSession = false)
{
    public static EndCause ClientDisconnected { get; } =
        new(null, DisconnectReason.ClientInitiatedDisconnect, "DISCONNECT", SendsWill: false);
    public static EndCause ClientDisconnectedWithWill { get; } =
        new(null, DisconnectReason.ClientInitiatedDisconnect, "DISCONNECT with will");
    public static EndCause ConnectionLost { get; } = new(null, DisconnectReason.ConnectionLost, "The connection was lost.");
    public static EndCause KeepAliveTimeout { get; } =
        new(ReasonCode.KeepAliveTimeout, DisconnectReason.MqttKeepAliveTimeout, "Nothing was heard for 1.5 times the keep alive.");
    public static EndCause TakenOver { get; } =
        new(ReasonCode.SessionTakenOver, DisconnectReason.DuplicateClientId, "Another connection uses this client identifier.");
    public static EndCause Revoked { get; } = new(
        ReasonCode.AdministrativeAction, DisconnectReason.ServerInitiatedDisconnect, "The certificate is no longer good.",
        EndsSession: true);
    public static EndCause ShuttingDown { get; } =
        new(ReasonCode.ServerShuttingDown, DisconnectReason.ServerInitiatedDisconnect, "The server is shutting down.");
    public static EndCause Fenced { get; } = new(
        ReasonCode.ServerBusy, DisconnectReason.ServerInitiatedDisconnect, "The gateway was cut off and begins anew.",
        SendsWill: false, EndsSession: true);
    public static EndCause TooSlow { get; } = new(
        ReasonCode.QuotaExceeded, DisconnectReason.ServerInitiatedDisconnect, "The client does not take its messages: its queue is full.");

    public static EndCause ProtocolError(ReasonCode code, string detail) => new(code, DisconnectReason.ClientError, detail);

    public static EndCause Forbidden(string detail) => new(ReasonCode.NotAuthorized, DisconnectReason.ForbiddenAccess, detail);

    public static EndCause Failed(string detail) => new(ReasonCode.UnspecifiedError, DisconnectReason.ServerError, detail);

    /// <summary>CONNECT was refused after its session had begun: nothing that came with it counts.</summary>
    public static EndCause NotOpened(string detail) => new(null, DisconnectReason.ServerError, detail, SendsWill: false);
}

/// <summary>What a session leaves that has ended.</summary>
/// <param name="Connection">That it had.</param>
/// <param name="Filters">To be taken out of the tree.</param>
/// <param name="Shared">Messages of shared subscriptions that its client will not have: for other members (4.8.2).</param>
internal readonly record struct EndedSession(ISessionConnection? Connection, TopicFilter[] Filters, Delivery[] Shared);

/// <summary>
/// A session's connection, as the session and the directory see it: it is woken when there is something to send, and when what it waits for
/// is stored. None of these calls waits; any thread may make them.
/// </summary>
internal interface ISessionConnection : IJournalWaiter
{
    /// <summary>Nothing is read from the client for now: an acknowledgement of its may lie there. May be late by a turn.</summary>
    bool IsHeld { get; }

    /// <summary>The connection is to end.</summary>
    void End(EndCause cause);
}
