using System.Collections.Concurrent;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;

namespace Fleet.Gateway.Blocks;

/// <summary>
/// What this gateway knows of streams, for the length of their leases. A thousand devices that start at once ask the grain once. Whoever
/// asks here has been allowed the stream: a name that a client makes up must not get this far.
/// </summary>
internal sealed class StreamLeases(IGrainFactory grains, GatewayIdentity gateway, GatewayClock clock)
{
    /// <summary>A fleet updates from a handful of streams at a time; what is beyond this is asked for each time.</summary>
    public const int MaxKept = 1_024;

    private readonly ConcurrentDictionary<string, Task<StreamLease?>> _asked = new(StringComparer.Ordinal);

    /// <summary>Leases that are kept, and questions under way.</summary>
    public int Count => _asked.Count;

    /// <returns>Null if there is no such stream.</returns>
    public ValueTask<StreamLease?> Get(StreamId stream)
    {
        if (_asked.TryGetValue(stream.Value, out var known))
        {
            if (!known.IsCompleted || IsGood(known)) return new(known);
            Forget(stream.Value, known);
        }
        return new(Ask(stream));
    }

    private Task<StreamLease?> Ask(StreamId stream)
    {
        var source = new TaskCompletionSource<StreamLease?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = _asked.GetOrAdd(stream.Value, source.Task);
        if (asked == source.Task) _ = Fill(stream, source);
        return asked;
    }

    private async Task Fill(StreamId stream, TaskCompletionSource<StreamLease?> source)
    {
        try
        {
            var lease = await grains.GetGrain<IFirmwareStreamGrain>(stream.Value).Lease(gateway.Id);
            if (lease is null || !HasRoom()) Forget(stream.Value, source.Task);
            source.SetResult(lease);
        }
        catch (Exception e)
        {
            // Whoever waits gets it; the next one asks again.
            Forget(stream.Value, source.Task);
            source.SetException(e);
        }
    }

    private bool HasRoom()
    {
        if (_asked.Count <= MaxKept) return true;
        foreach (var (stream, known) in _asked)
        {
            if (known.IsCompleted && !IsGood(known)) Forget(stream, known);
        }
        return _asked.Count <= MaxKept;
    }

    private bool IsGood(Task<StreamLease?> known) =>
        known.IsCompletedSuccessfully && known.Result is { } lease && clock.UtcNow < lease.Until;

    private void Forget(string stream, Task<StreamLease?> known) => _asked.TryRemove(new(stream, known));
}
