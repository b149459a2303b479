namespace Fleet.Silo.Storage;

internal static partial class StorageLog
{
    [LoggerMessage(5001, LogLevel.Error, "A transaction of {Writes} writes failed; none of them is stored")]
    public static partial void CommitFailed(ILogger log, int writes, Exception cause);

    [LoggerMessage(5002, LogLevel.Warning, "The database connection did not close cleanly after a failure")]
    public static partial void CloseFailed(ILogger log, Exception cause);

    [LoggerMessage(5003, LogLevel.Warning, "The write-ahead log was not copied into the database; the next checkpoint tries again")]
    public static partial void CheckpointFailed(ILogger log, Exception cause);
}
