namespace Fleet.Silo.Storage;

/// <summary>What transactions leave behind: readiness, metrics and the log.</summary>
internal sealed class StorageMonitor(StorageHealth health, StorageMetrics metrics, ILogger<StorageMonitor> log)
{
    public void ObserveQueue(Func<int> length) => metrics.ObserveQueue(length);

    public void Committed(int writes, TimeSpan duration)
    {
        health.Succeeded();
        metrics.Committed(writes, duration);
    }

    /// <param name="storageFault">No other write would have fared better.</param>
    public void Failed(int writes, Exception cause, bool storageFault)
    {
        if (storageFault) health.Failure(cause);
        StorageLog.CommitFailed(log, writes, cause);
        metrics.Failed(writes);
    }

    public void CheckpointFailed(Exception cause) => StorageLog.CheckpointFailed(log, cause);

    public void CloseFailed(Exception cause) => StorageLog.CloseFailed(log, cause);
}
