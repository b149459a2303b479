using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Devices;

internal static partial class DeviceLog
{
    [LoggerMessage(2201, LogLevel.Warning, "Device {Thing}: a report or notification was not delivered; it will be tried again")]
    public static partial void DeliveryFailed(this ILogger log, Exception exception, string thing);

    [LoggerMessage(2202, LogLevel.Warning, "Device {Thing}: whether its gateway {GatewayId} lives is not known now; its session stays")]
    public static partial void GatewayUnknown(this ILogger log, Exception exception, string thing, string gatewayId);
}
