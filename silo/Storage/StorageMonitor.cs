using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;

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

/// <summary>Whether the database takes writes, as the last ones went.</summary>
internal sealed class StorageHealth(TimeProvider clock)
{
    private volatile Failed? _failed;

    /// <summary>How the last transaction failed; null when it did not.</summary>
    public Failed? LastFailure => _failed;

    public void Succeeded() => _failed = null;

    public void Failure(Exception cause) => _failed = new(cause.Message, clock.GetUtcNow());

    internal sealed record Failed(string Message, DateTimeOffset At);
}

/// <summary>What the database is made to do.</summary>
internal sealed class StorageMetrics
{
    private readonly Meter _meter;
    private readonly Histogram<double> _commitDuration;
    private readonly Histogram<int> _batchSize;
    private readonly Counter<long> _writes;
    private readonly KeyValuePair<string, object?> _stored = new("outcome", "stored");
    private readonly KeyValuePair<string, object?> _failed = new("outcome", "failed");

    public StorageMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("Fleet.Storage");
        _commitDuration = _meter.CreateHistogram(
            "fleet.storage.commit.duration", "s", "From the first statement of a transaction to the end of its fsync.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
            });
        _batchSize = _meter.CreateHistogram(
            "fleet.storage.batch.size", "{write}", "Writes that shared a transaction.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] });
        _writes = _meter.CreateCounter<long>("fleet.storage.writes", "{write}", "Writes by outcome: stored or failed.")
            .StartedAtZero(_stored, _failed);
    }

    public void ObserveQueue(Func<int> length) =>
        _meter.CreateObservableGauge("fleet.storage.queue.length", length, "{write}", "Writes that wait for a transaction.");

    public void Committed(int writes, TimeSpan duration)
    {
        _commitDuration.Record(duration.TotalSeconds);
        _batchSize.Record(writes);
        _writes.Add(writes, _stored);
    }

    public void Failed(int writes) => _writes.Add(writes, _failed);
}

internal static partial class StorageLog
{
    [LoggerMessage(5001, LogLevel.Error, "A transaction of {Writes} writes failed; none of them is stored")]
    public static partial void CommitFailed(ILogger log, int writes, Exception cause);

    [LoggerMessage(5002, LogLevel.Warning, "The database connection did not close cleanly after a failure")]
    public static partial void CloseFailed(ILogger log, Exception cause);

    [LoggerMessage(5003, LogLevel.Warning, "The write-ahead log was not copied into the database; the next checkpoint tries again")]
    public static partial void CheckpointFailed(ILogger log, Exception cause);
}
