namespace Fleet.Silo.Telemetry;

internal static partial class TelemetryLog
{
    [LoggerMessage(5101, LogLevel.Warning, "Metric {Name} of meter {Meter} is left out of /metrics: the name has another type than {Type} already")]
    public static partial void NameClash(ILogger log, string name, string meter, string type);

    [LoggerMessage(5102, LogLevel.Warning, "The fleet index could not be counted for metrics")]
    public static partial void CensusFailed(ILogger log, Exception cause);
}
