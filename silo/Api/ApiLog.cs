namespace Fleet.Silo.Api;

internal static partial class ApiLog
{
    [LoggerMessage(5301, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(ILogger log, string method, string path, Exception cause);

    [LoggerMessage(5302, LogLevel.Warning, "{Method} {Path} could not be answered: {Reason}")]
    public static partial void Unavailable(ILogger log, string method, string path, string reason);
}
