namespace Fleet.Silo.Storage;

/// <summary>The storage's part of readiness: sees whether writes work, by writing.</summary>
internal sealed class StorageProbe(IRecordStore store, StorageHealth health, TimeProvider clock) : IDisposable
{
    /// <summary>How long an answer serves: whoever asks often must not make the disk busy.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a failed write counts as the state of the storage by itself. On a full disk a probe, which takes no new space, might
    /// succeed while the writes that matter fail.
    /// </summary>
    private static readonly TimeSpan FailureStands = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _oneAtATime = new(1, 1);
    private (DateTimeOffset At, string? Failure) _last = (DateTimeOffset.MinValue, null);

    /// <returns>What is wrong, or null when writes work.</returns>
    public async Task<string?> Check(CancellationToken cancellation)
    {
        if (health.LastFailure is { } failed && clock.GetUtcNow() - failed.At < FailureStands) return failed.Message;
        await _oneAtATime.WaitAsync(cancellation);
        try
        {
            if (clock.GetUtcNow() - _last.At >= Kept) _last = (clock.GetUtcNow(), await Probe(cancellation));
            return _last.Failure;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private async Task<string?> Probe(CancellationToken cancellation)
    {
        try
        {
            await store.Probe(clock.GetUtcNow(), cancellation).WaitAsync(Patience, clock, cancellation);
            return null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
        catch (TimeoutException)
        {
            return $"A write took longer than {Patience.TotalSeconds:0} s.";
        }
    }

    public void Dispose() => _oneAtATime.Dispose();
}
