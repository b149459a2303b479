using System.Collections.Concurrent;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;

namespace Fleet.Gateway.Blocks;

/// <summary>
/// What this gateway knows of streams, for the length of their leases. A thousand devices that start at once ask the grain once.
/// </summary>
internal sealed class StreamLeases(IGrainFactory grains, GatewayIdentity gateway, GatewayClock clock)
{
    /// <summary>A stream that is not there yet may be there soon.</summary>
    private static readonly TimeSpan UnknownFor = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);

    /// <returns>Null if there is no such stream.</returns>
    public ValueTask<StreamLease?> Get(StreamId stream)
    {
        var now = clock.UtcNow;
        if (_known.TryGetValue(stream.Value, out var known))
        {
            if (!known.Asked.IsCompleted) return new(known.Asked);
            if (known.Asked.IsCompletedSuccessfully && now < Until(known)) return new(known.Asked.Result);
        }
        return new(Ask(stream, known, now));
    }

    private Task<StreamLease?> Ask(StreamId stream, Known? old, DateTimeOffset now)
    {
        var source = new TaskCompletionSource<StreamLease?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var mine = new Known(source.Task, now);
        bool first = old is null ? _known.TryAdd(stream.Value, mine) : _known.TryUpdate(stream.Value, mine, old);
        if (!first) return _known.TryGetValue(stream.Value, out var other) ? other.Asked : Ask(stream, null, now);
        _ = Fill(stream, source);
        return source.Task;
    }

    private async Task Fill(StreamId stream, TaskCompletionSource<StreamLease?> source)
    {
        try
        {
            source.SetResult(await grains.GetGrain<IFirmwareStreamGrain>(stream.Value).Lease(gateway.Id));
        }
        catch (Exception e)
        {
            // Whoever waits gets it; the next one asks again.
            source.SetException(e);
        }
    }

    private static DateTimeOffset Until(Known known) => known.Asked.Result?.Until ?? known.AskedAt + UnknownFor;

    private sealed record Known(Task<StreamLease?> Asked, DateTimeOffset AskedAt);
}
