using System.ComponentModel.DataAnnotations;
using Fleet.Grains.Index;
using Fleet.Interfaces.Firmware;
using Fleet.Silo.Storage;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Blobs;

/// <summary>Section <c>Fleet:Blobs</c>.</summary>
internal sealed class BlobOptions
{
    public const string Section = "Fleet:Blobs";

    /// <summary>Days after which a version that was uploaded and never published is forgotten, with its file.</summary>
    [Range(1, 3_650)] public int KeepUnpublishedDays { get; set; } = 30;
}

/// <summary>
/// Deletes blobs that no firmware names: of an upload that lost its race or broke off, and of versions that are never published. Each hour,
/// in one of the processes that have grains.
/// </summary>
internal sealed class BlobCollector(
    BlobStore blobs, ICatalog catalog, IGrainFactory grains, TimeProvider clock, IOptions<BlobOptions> options, ILogger<BlobCollector> log)
    : BackgroundService
{
    private const int PageSize = 200;

    private static readonly TimeSpan Period = TimeSpan.FromHours(1), LookEvery = TimeSpan.FromMinutes(10);

    /// <summary>Digest of each published version, which is never replaced, by its key: its grain need not be asked again.</summary>
    private Dictionary<string, string> _published = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CollectIfDue(stoppingToken);
            }
            // The next one does what this one could not.
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                BlobLog.NotCollected(log, e.Message);
            }
        }
    }

    internal async Task CollectIfDue(CancellationToken cancellation)
    {
        using var round = blobs.TryBeginRound(Period);
        if (round is null) return;
        await Collect(cancellation);
        round.Done();
    }

    internal async Task Collect(CancellationToken cancellation)
    {
        blobs.RemoveLeftovers();
        // The files first: a firmware that comes meanwhile has a young one.
        var found = blobs.List();
        var named = await NamedByFirmware(cancellation);
        var now = clock.GetUtcNow();
        foreach (var blob in found)
        {
            try
            {
                Apply(BlobSweep.Decide(blob, named.Contains(blob.Sha256), now), blob.Sha256, now);
            }
            catch (FileNotFoundException)
            {
                // Another process did it.
            }
        }
    }

    private void Apply(BlobStep step, string sha256, DateTimeOffset now)
    {
        switch (step)
        {
            case BlobStep.SetAside: blobs.SetAside(sha256, now - BlobSweep.Young); break;
            case BlobStep.PutBack: blobs.PutBack(sha256); break;
            case BlobStep.Delete:
                blobs.Delete(sha256);
                BlobLog.Deleted(log, sha256);
                break;
        }
    }

    private async Task<HashSet<string>> NamedByFirmware(CancellationToken cancellation)
    {
        var abandonedBefore = clock.GetUtcNow() - TimeSpan.FromDays(options.Value.KeepUnpublishedDays);
        Dictionary<string, string> published = new(StringComparer.Ordinal), unpublished = new(StringComparer.Ordinal);
        string? after = null;
        while (await catalog.List("firmware", after, PageSize, cancellation) is { Length: > 0 } page)
        {
            foreach (var row in page)
            {
                if (_published.TryGetValue(row.Key, out string? sha256)) published.Add(row.Key, sha256);
                else if (await grains.GetGrain<IFirmwareGrain>(row.Key).KeepUnlessAbandoned(abandonedBefore) is { } firmware)
                    (firmware.Status is FirmwareStatus.Uploaded ? unpublished : published).Add(row.Key, firmware.Sha256);
            }
            after = page[^1].Key;
        }
        _published = published;
        return [.. published.Values, .. unpublished.Values];
    }
}

internal enum BlobStep
{
    Keep,
    SetAside,
    PutBack,
    Delete,
}

/// <summary>
/// A blob that no firmware names loses its name first, and is deleted a round later if still none does. The young are left alone: their
/// firmware's record may not be written yet.
/// </summary>
internal static class BlobSweep
{
    public static readonly TimeSpan Young = TimeSpan.FromHours(1);

    public static BlobStep Decide(FoundBlob blob, bool isNamed, DateTimeOffset now) => (blob.IsAside, isNamed) switch
    {
        (true, true) => BlobStep.PutBack,
        (false, true) => BlobStep.Keep,
        _ when now - blob.At < Young => BlobStep.Keep,
        (true, false) => BlobStep.Delete,
        (false, false) => BlobStep.SetAside,
    };
}

internal static partial class BlobLog
{
    [LoggerMessage(5401, LogLevel.Information, "Deleted the blob {Sha256}, which no firmware names")]
    public static partial void Deleted(ILogger log, string sha256);

    [LoggerMessage(5402, LogLevel.Warning, "Blobs that nobody needs were not collected: {Reason}")]
    public static partial void NotCollected(ILogger log, string reason);
}
