using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Blocks;

/// <summary>
/// Firmware in memory, in aligned segments: a device that asks for 4 KiB brings in the 31 blocks that it, and the rest of the fleet, will
/// ask for next. Bounded; the segment that was used least recently makes room, and its memory is used again. A segment is read once,
/// however many wait.
/// </summary>
internal sealed class BlockCache
{
    public const int SegmentBytes = 128 * 1024;

    /// <summary>A blob that a disk had damaged is replaced by an upload of the same bytes: so long it may be served as it was.</summary>
    private const long LookAgainAfterMs = 10_000;

    private readonly Lock _gate = new();
    private readonly IBlobSource _source;
    private readonly GatewayClock _clock;
    private readonly GatewayMetrics _metrics;
    private readonly int _maxSegments;
    private readonly Dictionary<(string Sha256, long Index), LinkedListNode<Segment>> _segments = [];
    private readonly LinkedList<Segment> _byUse = [];

    public BlockCache(IBlobSource source, IOptions<BlockCacheOptions> options, GatewayClock clock, GatewayMetrics metrics)
    {
        (_source, _clock, _metrics) = (source, clock, metrics);
        _maxSegments = (int)Math.Clamp(options.Value.BlockCacheBytes / SegmentBytes, 1, int.MaxValue);
    }

    /// <summary>Copies a part of a blob. Completes at once if the segments are here.</summary>
    /// <returns>False if there is no such blob, or it is shorter than that.</returns>
    public ValueTask<bool> Read(string sha256, long offset, Memory<byte> destination)
    {
        long index = offset / SegmentBytes;
        int start = (int)(offset % SegmentBytes), length = Math.Min(destination.Length, SegmentBytes - start);
        var segment = Pin(sha256, index);
        if (length < destination.Length || !segment.Loaded.IsCompletedSuccessfully) return ReadSlowly(segment, sha256, offset, destination);
        bool read = Copy(segment, start, destination);
        Unpin(segment);
        return new(read);
    }

    private async ValueTask<bool> ReadSlowly(Segment segment, string sha256, long offset, Memory<byte> destination)
    {
        while (true)
        {
            int start = (int)(offset % SegmentBytes), length = Math.Min(destination.Length, SegmentBytes - start);
            try
            {
                await segment.Loaded;
                if (!Copy(segment, start, destination[..length])) return false;
            }
            finally
            {
                Unpin(segment);
            }
            destination = destination[length..];
            if (destination.IsEmpty) return true;
            offset += length;
            segment = Pin(sha256, offset / SegmentBytes);
        }
    }

    private static bool Copy(Segment segment, int start, Memory<byte> destination)
    {
        if (start + destination.Length > segment.Length) return false;
        segment.Bytes.AsSpan(start, destination.Length).CopyTo(destination.Span);
        return true;
    }

    /// <summary>Finds the segment or starts to read it; it stays until <see cref="Unpin"/>.</summary>
    private Segment Pin(string sha256, long index)
    {
        Segment segment;
        lock (_gate)
        {
            if (_segments.TryGetValue((sha256, index), out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                node.Value.Pins++;
                LookAgain(node.Value);
                _metrics.CacheHit();
                return node.Value;
            }
            segment = new Segment { Sha256 = sha256, Index = index, Bytes = ReclaimBytes(), Pins = 1, LookedAt = _clock.NowMs };
            _segments.Add((sha256, index), _byUse.AddFirst(segment));
            segment.Loaded = Task.Run(() => Load(segment));
        }
        _metrics.CacheMiss();
        return segment;
    }

    private void Unpin(Segment segment)
    {
        lock (_gate)
        {
            // One that could not be read is not kept: the next reader tries again.
            if (--segment.Pins == 0 && (!segment.Loaded.IsCompletedSuccessfully || segment.Length == 0)) Remove(segment);
        }
    }

    /// <summary>Memory of the segment that was used least recently; more, for a moment, if all of them are being read.</summary>
    private byte[] ReclaimBytes()
    {
        if (_segments.Count >= _maxSegments)
        {
            for (var node = _byUse.Last; node is not null; node = node.Previous)
            {
                if (node.Value.Pins > 0 || !node.Value.Loaded.IsCompleted) continue;
                byte[] bytes = node.Value.Bytes;
                Remove(node.Value);
                return bytes;
            }
        }
        return GC.AllocateUninitializedArray<byte>(SegmentBytes);
    }

    private void Remove(Segment segment)
    {
        // Another may have taken the place of one that was replaced.
        if (!_segments.TryGetValue((segment.Sha256, segment.Index), out var node) || node.Value != segment) return;
        _segments.Remove((segment.Sha256, segment.Index));
        _byUse.Remove(node);
    }

    private void Load(Segment segment)
    {
        using var blob = _source.OpenRead(segment.Sha256);
        if (blob is null) return;
        segment.StoredAt = File.GetLastWriteTimeUtc(blob);
        int read = 0;
        while (read < SegmentBytes)
        {
            int got = RandomAccess.Read(blob, segment.Bytes.AsSpan(read), (segment.Index * SegmentBytes) + read);
            if (got == 0) break;
            read += got;
        }
        segment.Length = read;
    }

    /// <summary>Under the lock: lets a segment go, before long, whose blob was stored anew since.</summary>
    private void LookAgain(Segment segment)
    {
        long now = _clock.NowMs;
        if (now - segment.LookedAt < LookAgainAfterMs || !segment.Loaded.IsCompletedSuccessfully) return;
        segment.LookedAt = now;
        _ = Task.Run(() =>
        {
            using var blob = _source.OpenRead(segment.Sha256);
            if (blob is not null && File.GetLastWriteTimeUtc(blob) == segment.StoredAt) return;
            lock (_gate) Remove(segment);
        });
    }

    private sealed class Segment
    {
        public required string Sha256 { get; init; }
        public required long Index { get; init; }
        public required byte[] Bytes { get; init; }
        public Task Loaded { get; set; } = Task.CompletedTask;

        /// <summary>When the blob was stored that it was read from.</summary>
        public DateTime StoredAt { get; set; }

        /// <summary>When that was looked at last; monotonic milliseconds.</summary>
        public long LookedAt { get; set; }

        /// <summary>Bytes of the blob in it; fewer at the blob's end, none if there is no such blob.</summary>
        public int Length { get; set; }
        public int Pins { get; set; }
    }
}
