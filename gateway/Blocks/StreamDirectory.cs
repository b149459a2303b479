using System.Collections.Concurrent;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;

namespace Fleet.Gateway.Blocks;

/// <summary>The streams this gateway serves, each under its lease: a grain call per lease, not per request.</summary>
internal sealed class StreamDirectory(IGrainFactory grains, GatewayId gateway, TimeProvider clock)
{
    private readonly ConcurrentDictionary<StreamId, StreamLease> _leases = new();

    /// <summary>Null if there is no such stream.</summary>
    public async ValueTask<StreamLease?> Find(StreamId stream)
    {
        if (_leases.TryGetValue(stream, out var known) && clock.GetUtcNow() < known.Until) return known;
        var lease = await grains.GetGrain<IFirmwareStreamGrain>(stream.Value).Lease(gateway.Value);
        if (lease is null) _leases.TryRemove(stream, out _);
        else _leases[stream] = lease;
        return lease;
    }
}
