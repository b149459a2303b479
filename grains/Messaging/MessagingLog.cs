using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>Event ids 2400 to 2499.</summary>
internal static partial class MessagingLog
{
    [LoggerMessage(2401, LogLevel.Warning, "Gateway {GatewayId} is taken for dead: nothing was heard of it for {Silence}")]
    public static partial void GatewayDied(this ILogger log, string gatewayId, TimeSpan silence);

    [LoggerMessage(2402, LogLevel.Error, "The devices of the dead gateway {GatewayId} could not all be disconnected; trying again")]
    public static partial void BurialFailed(this ILogger log, Exception exception, string gatewayId);

    [LoggerMessage(2403, LogLevel.Information, "Gateway {GatewayId} is gone: {Devices} devices were connected through it")]
    public static partial void Buried(this ILogger log, string gatewayId, int devices);

    [LoggerMessage(
        2404, LogLevel.Error, "No gateway took the presence events and wills of {Count} sessions that dead gateway {GatewayId} left")]
    public static partial void NotMourned(this ILogger log, Exception exception, int count, string gatewayId);

    [LoggerMessage(2405, LogLevel.Warning, "Gateway {GatewayId} did not hand over session {Key}: the store is asked where it is")]
    public static partial void SessionLost(this ILogger log, Exception? exception, string gatewayId, string key);

    [LoggerMessage(2406, LogLevel.Warning, "The gateways could not be looked at; trying again")]
    public static partial void WatchFailed(this ILogger log, Exception exception);

    [LoggerMessage(2407, LogLevel.Error, "Whether {Thing} left a will at dead gateway {GatewayId} could not be found out")]
    public static partial void WillNotTaken(this ILogger log, Exception exception, string thing, string gatewayId);
}
