namespace Fleet.Silo.Telemetry;

internal static partial class TelemetryLog
{
    [LoggerMessage(5102, LogLevel.Warning, "The fleet index could not be counted for metrics")]
    public static partial void CensusFailed(ILogger log, Exception cause);
}
