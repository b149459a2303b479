using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Devices;

internal static partial class DeviceLog
{
    [LoggerMessage(2201, LogLevel.Warning, "Device {Thing}: a report or notification was not delivered; it will be tried again")]
    public static partial void DeliveryFailed(this ILogger log, Exception exception, string thing);
}
