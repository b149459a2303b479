using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Reactor;

/// <summary>Event ids 3060 to 3069.</summary>
internal static partial class ReactorLog
{
    [LoggerMessage(3060, LogLevel.Information, "MQTT is served by {Loops} reactor loops")]
    public static partial void ReactorStarted(this ILogger log, int loops);

    [LoggerMessage(3061, LogLevel.Warning, "MQTT is served by Kestrel, which takes more memory and processor time per device: {Why}")]
    public static partial void NoReactor(this ILogger log, string why);

    [LoggerMessage(3062, LogLevel.Debug, "Connection from {RemoteAddress} closed before MQTT: {Why}")]
    public static partial void HandshakeFailed(this ILogger log, string remoteAddress, string why);

    [LoggerMessage(3063, LogLevel.Error, "A connection from {RemoteAddress} failed before MQTT")]
    public static partial void PendingConnectionFailed(this ILogger log, string remoteAddress, Exception exception);

    [LoggerMessage(3064, LogLevel.Error,
        "There are no file descriptors left for new connections; raise the limit (ulimit -n, LimitNOFILE)")]
    public static partial void OutOfFiles(this ILogger log);
}
