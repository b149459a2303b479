using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Telemetry;

/// <summary>Event ids 3000 to 3099.</summary>
internal static partial class GatewayLog
{
    [LoggerMessage(3001, LogLevel.Information,
        "Gateway {GatewayId} serves MQTT over TLS on port {MqttsPort}{Plain}")]
    public static partial void GatewayStarted(this ILogger log, string gatewayId, int? mqttsPort, string plain);

    [LoggerMessage(3071, LogLevel.Information, "{Messages} retained messages of {Bytes} bytes are read, in {Seconds:0.0} s")]
    public static partial void RetainedLoaded(this ILogger log, int messages, long bytes, double seconds);

    [LoggerMessage(3072, LogLevel.Warning, "Retained messages of {Principal} are refused: {Why}")]
    public static partial void RetainedRefused(this ILogger log, string principal, string why);

    [LoggerMessage(3002, LogLevel.Debug, "{Kind} {ClientId} connected from {RemoteAddress}")]
    public static partial void Connected(this ILogger log, SessionKind kind, string clientId, string remoteAddress);

    [LoggerMessage(3003, LogLevel.Debug, "{Kind} {ClientId} disconnected: {Reason}, {Detail}")]
    public static partial void Disconnected(this ILogger log, SessionKind kind, string clientId, DisconnectReason reason, string detail);

    [LoggerMessage(3004, LogLevel.Warning, "Connection of {ClientId} from {RemoteAddress} refused with {Code}: {Detail}")]
    public static partial void ConnectRefused(this ILogger log, string clientId, string remoteAddress, ReasonCode code, string detail);

    [LoggerMessage(3005, LogLevel.Warning, "{ClientId} broke the protocol, {Code}: {Detail}")]
    public static partial void ProtocolError(this ILogger log, string clientId, ReasonCode code, string detail);

    [LoggerMessage(3006, LogLevel.Warning, "{Kind} {ClientId} may not publish to '{Topic}', policy {Policy}: {Why}")]
    public static partial void PublishDenied(this ILogger log, string clientId, SessionKind kind, string topic, string policy, string why);

    [LoggerMessage(3007, LogLevel.Warning, "{Kind} {ClientId} may not subscribe to '{TopicFilter}', policy {Policy}")]
    public static partial void SubscribeDenied(this ILogger log, string clientId, SessionKind kind, string topicFilter, string policy);

    [LoggerMessage(3008, LogLevel.Error, "The retained message of '{Topic}' could not be stored; its publisher is not acknowledged")]
    public static partial void RetainedNotStored(this ILogger log, string topic, Exception exception);

    [LoggerMessage(3009, LogLevel.Error, "The request of {ClientId} on '{Topic}' failed")]
    public static partial void RequestFailed(this ILogger log, string clientId, string topic, Exception exception);

    [LoggerMessage(3010, LogLevel.Error, "Authorising {ClientId} failed")]
    public static partial void AuthoriseFailed(this ILogger log, string clientId, Exception exception);

    [LoggerMessage(3011, LogLevel.Error, "The device grain of {Thing} did not take '{Change}' after {Attempts} attempts; {Next}")]
    public static partial void PresenceNotReported(
        this ILogger log, string thing, string change, int attempts, string next, Exception exception);

    [LoggerMessage(3012, LogLevel.Warning, "The lease of session {Key} could not be given back")]
    public static partial void LeaseNotReleased(this ILogger log, string key, Exception exception);

    [LoggerMessage(3013, LogLevel.Error, "The gateway could not register itself; trying again")]
    public static partial void RegistrationFailed(this ILogger log, Exception exception);

    [LoggerMessage(3014, LogLevel.Error, "A connection of {ClientId} failed")]
    public static partial void ConnectionFailed(this ILogger log, string clientId, Exception exception);

    [LoggerMessage(3015, LogLevel.Information, "Sessions of certificate {CertificateId} were ended: it is no longer good")]
    public static partial void SessionsRevoked(this ILogger log, string certificateId);

    [LoggerMessage(3065, LogLevel.Warning, "Certificate {CertificateId} of a stored session could not be looked at; trying again")]
    public static partial void CertificateNotChecked(this ILogger log, string certificateId, Exception exception);

    [LoggerMessage(3016, LogLevel.Warning, "Blob {Sha256} is missing from the store")]
    public static partial void BlobMissing(this ILogger log, string sha256);

    [LoggerMessage(3017, LogLevel.Warning, "Download refused for {Thing}, stream {Stream}: {Why}")]
    public static partial void DownloadRefused(this ILogger log, string thing, string stream, string why);

    [LoggerMessage(3018, LogLevel.Warning, "Gateway {GatewayId} refused what was sent to it: {Answer}; trying again")]
    public static partial void PeerRefused(this ILogger log, string gatewayId, PeerAnswer answer);

    [LoggerMessage(3019, LogLevel.Warning, "Gateway {GatewayId} did not answer; trying again")]
    public static partial void PeerFailed(this ILogger log, string gatewayId, Exception exception);

    [LoggerMessage(3020, LogLevel.Error, "A frame of gateway {GatewayId} ({Frame}) could not be handled")]
    public static partial void LinkFrameFailed(this ILogger log, string gatewayId, string frame, Exception exception);

    [LoggerMessage(3034, LogLevel.Error,
        "A frame of gateway {GatewayId} ({Frame}) could not be handled {Times} times, and is lost; what is behind it goes on")]
    public static partial void LinkFrameLost(this ILogger log, string gatewayId, string frame, int times, Exception exception);

    [LoggerMessage(3035, LogLevel.Error, "A message could not be handed to {Subscriber}, which goes without; the others have it")]
    public static partial void NotDelivered(this ILogger log, string subscriber, Exception exception);

    [LoggerMessage(3033, LogLevel.Error,
        "{Bytes} bytes wait for gateway {GatewayId}, the reserve included: wills and events for its clients are dropped")]
    public static partial void LinkFull(this ILogger log, string gatewayId, long bytes);

    [LoggerMessage(3021, LogLevel.Information, "Gateway {GatewayId} works with {Count} others")]
    public static partial void PeersChanged(this ILogger log, string gatewayId, int count);

    [LoggerMessage(3022, LogLevel.Warning,
        "Gateway {GatewayId} was taken for dead, or replaced by one of the same name; its sessions are ended and it begins anew")]
    public static partial void GatewayFenced(this ILogger log, string gatewayId);

    [LoggerMessage(3023, LogLevel.Warning, "Gateway {GatewayId} did not advertise its filters in time; serving without")]
    public static partial void PeerNotReady(this ILogger log, string gatewayId);

    [LoggerMessage(3024, LogLevel.Warning, "Retained messages could not be read again; trying again")]
    public static partial void CatchUpFailed(this ILogger log, Exception exception);

    [LoggerMessage(3025, LogLevel.Warning, "Session {Key} is not at gateway {GatewayId} any more; the store is asked where it is")]
    public static partial void SessionNotMoved(this ILogger log, string key, string gatewayId);

    [LoggerMessage(3030, LogLevel.Warning,
        "Gateway {GatewayId} does not hand over the messages of session {Key} yet; it is asked again until it does, or is dead")]
    public static partial void SessionNotCollected(this ILogger log, string key, string gatewayId, Exception exception);

    [LoggerMessage(3026, LogLevel.Warning, "Gateway {GatewayId} could not say that it ends")]
    public static partial void NotLeft(this ILogger log, string gatewayId, Exception exception);

    [LoggerMessage(3027, LogLevel.Information, "{Sessions} persistent sessions of dead gateway {Dead} go on here")]
    public static partial void SessionsInherited(this ILogger log, int sessions, string dead);

    [LoggerMessage(3028, LogLevel.Error, "The sessions of dead gateway {Dead} could not be taken; trying again")]
    public static partial void SessionsNotInherited(this ILogger log, string dead, Exception exception);

    [LoggerMessage(3032, LogLevel.Warning, "Whether session {Key} is still here could not be found out; the store is asked again")]
    public static partial void OwnerNotFound(this ILogger log, string key, Exception exception);

    [LoggerMessage(3029, LogLevel.Warning,
        "The session of {Key} is at gateway {GatewayId}, which does not answer: its client is to try again")]
    public static partial void SessionNotFound(this ILogger log, string key, string gatewayId);

    [LoggerMessage(3041, LogLevel.Warning,
        "Client {Key} connects and drops again and again, and is held off for {Seconds} s; the last time it ended by {Reason}: {Detail}")]
    public static partial void ClientHeldOff(this ILogger log, string key, long seconds, DisconnectReason reason, string detail);

    [LoggerMessage(3047, LogLevel.Warning, "Claim {Certificate} has {Max} sessions, which is all that a claim may have; more are refused")]
    public static partial void ClaimSessionsExhausted(this ILogger log, string certificate, int max);

    [LoggerMessage(3042, LogLevel.Warning, "Connection from {RemoteAddress} closed: {Fault}")]
    public static partial void ProxyHeaderRefused(this ILogger log, string remoteAddress, string fault);

    [LoggerMessage(3043, LogLevel.Warning,
        "Not every device's grain was told within {Patience} that its session is over; the other gateways' silos will")]
    public static partial void PresenceLeftUntold(this ILogger log, TimeSpan patience);

    [LoggerMessage(3044, LogLevel.Warning,
        "There are too many connections that wait ({Stage}); for each more, the longest silent of the address with most of them is closed: "
            + "now {RemoteAddress}. This is said once a minute")]
    public static partial void OpeningsShort(this ILogger log, OpeningStage stage, string remoteAddress);

    [LoggerMessage(3045, LogLevel.Warning, "A CONNECT had no answer after {Seconds} s, and was refused: grains or the store do not answer")]
    public static partial void ConnectNotAnswered(this ILogger log, long seconds);

    [LoggerMessage(3046, LogLevel.Warning,
        "There are more than {Most} HTTP connections on one listener; for each more, the longest idle of the address with most of them is "
            + "closed: now {RemoteAddress}. This is said once a minute")]
    public static partial void HttpConnectionsShort(this ILogger log, int most, string remoteAddress);

    [LoggerMessage(3051, LogLevel.Error,
        "{Changes} changes of persistent sessions could not be stored; trying again. Messages for such sessions are refused meanwhile")]
    public static partial void JournalFailed(this ILogger log, int changes, Exception exception);

    [LoggerMessage(3053, LogLevel.Information, "{Restored} persistent sessions are back with {Deliveries} messages; {Over} were over")]
    public static partial void SessionsRestored(this ILogger log, int restored, int over, int deliveries);

    [LoggerMessage(3052, LogLevel.Error, "This gateway's persistent sessions are another gateway's: it was taken for dead")]
    public static partial void JournalFenced(this ILogger log);

    [LoggerMessage(3054, LogLevel.Error, "{Effect} of a fail-over failed")]
    public static partial void FailoverEffectFailed(this ILogger log, string effect, Exception exception);
}
