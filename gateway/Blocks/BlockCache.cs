using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Blocks;

/// <summary>
/// Firmware in memory, in aligned segments: a device that asks for 4 KiB brings in the 31 blocks that it, and the rest of the fleet, will
/// ask for next. Bounded; the segment that was used least recently makes room, and its memory is used again. A segment is read once,
/// however many wait.
/// </summary>
internal sealed class BlockCache : IDisposable
{
    public const int SegmentBytes = 128 * 1024;
    private const int MaxOpenBlobs = 64;

    private readonly Lock _gate = new();
    private readonly IBlobSource _source;
    private readonly GatewayMetrics _metrics;
    private readonly int _maxSegments;
    private readonly Dictionary<(string Sha256, long Index), LinkedListNode<Segment>> _segments = [];
    private readonly LinkedList<Segment> _byUse = [];
    private readonly Dictionary<string, SafeFileHandle> _open = new(StringComparer.Ordinal);

    public BlockCache(IBlobSource source, IOptions<BlockCacheOptions> options, GatewayMetrics metrics)
    {
        _source = source;
        _metrics = metrics;
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

    public void Dispose()
    {
        foreach (var handle in _open.Values) handle.Dispose();
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
                _metrics.CacheHit();
                return node.Value;
            }
            segment = new Segment { Sha256 = sha256, Index = index, Bytes = ReclaimBytes(), Pins = 1 };
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
        if (_segments.Remove((segment.Sha256, segment.Index), out var node)) _byUse.Remove(node);
    }

    private void Load(Segment segment)
    {
        if (Open(segment.Sha256) is not { } handle) return;
        int read = 0;
        while (read < SegmentBytes)
        {
            int got = RandomAccess.Read(handle, segment.Bytes.AsSpan(read), (segment.Index * SegmentBytes) + read);
            if (got == 0) break;
            read += got;
        }
        segment.Length = read;
    }

    private SafeFileHandle? Open(string sha256)
    {
        lock (_gate)
        {
            if (_open.TryGetValue(sha256, out var handle)) return handle;
        }
        var opened = _source.OpenRead(sha256);
        if (opened is null) return null;
        lock (_gate)
        {
            if (_open.TryGetValue(sha256, out var other))
            {
                opened.Dispose();
                return other;
            }
            // A handle that is dropped while a read is under way stays open until that read ends; it is closed by its finalizer.
            if (_open.Count >= MaxOpenBlobs) _open.Remove(_open.Keys.First());
            _open.Add(sha256, opened);
            return opened;
        }
    }

    private sealed class Segment
    {
        public required string Sha256 { get; init; }
        public required long Index { get; init; }
        public required byte[] Bytes { get; init; }
        public Task Loaded { get; set; } = Task.CompletedTask;

        /// <summary>Bytes of the blob in it; fewer at the blob's end, none if there is no such blob.</summary>
        public int Length { get; set; }
        public int Pins { get; set; }
    }
}
