namespace Fleet.Silo.Hosting;

internal static partial class HostingLog
{
    [LoggerMessage(5201, LogLevel.Information, "{Rollouts} open rollouts go on")]
    public static partial void ResumedRollouts(ILogger log, int rollouts);

    [LoggerMessage(5202, LogLevel.Information, "{Devices} devices that stood as connected were looked at")]
    public static partial void RepairedPresence(ILogger log, int devices);

    [LoggerMessage(
        5203, LogLevel.Warning,
        "Work that follows a start failed for {Grains} grains, {First} among them; it is tried again in {RetryAfter}")]
    public static partial void StartupWorkFailed(ILogger log, int grains, TimeSpan retryAfter, string first, Exception cause);

    [LoggerMessage(5204, LogLevel.Warning, "The work that follows a start could not be listed; it is tried again in {RetryAfter}")]
    public static partial void StartupListFailed(ILogger log, TimeSpan retryAfter, Exception cause);

    [LoggerMessage(5205, LogLevel.Warning, "No silo can be reached yet: {Reason}")]
    public static partial void WaitsForSilos(ILogger log, string reason);

    [LoggerMessage(5206, LogLevel.Warning, "No silo is reached any more; looking for one")]
    public static partial void LostSilos(ILogger log);

    [LoggerMessage(5207, LogLevel.Information, "Silos are reached again: {Silos}")]
    public static partial void FoundSilos(ILogger log, int silos);
}
