using System.Buffers;
using Fleet.Gateway.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Blocks;

/// <summary>
/// Firmware in memory, in pages of 128 KiB, the least recently used page leaving first; at most <see cref="GatewayOptions.BlockCacheBytes"/>.
/// A thousand devices that fetch one image read it from disk once. Safe for any number of threads: one lock, never held during a read.
/// </summary>
internal sealed class BlockCache(IBlobSource blobs, IOptions<GatewayOptions> options, BlockMetrics metrics) : IDisposable
{
    private const int PageBytes = 128 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Sha256, long Page), LinkedListNode<Page>> _pages = [];
    private readonly LinkedList<Page> _byUse = [];
    private readonly Dictionary<string, SafeFileHandle> _files = [];
    private readonly long _maxPages = Math.Max(1, options.Value.BlockCacheBytes / PageBytes);

    /// <summary>Copies the file's bytes from <paramref name="position"/> on; returns how many there were, or -1 if the blob is missing.</summary>
    public int Read(string sha256, long position, Span<byte> into)
    {
        int copied = 0;
        while (copied < into.Length)
        {
            if (Find(sha256, (position + copied) / PageBytes) is not { } page) return -1;
            var rest = page.AsSpan(Math.Min((int)((position + copied) % PageBytes), page.Length));
            if (rest.IsEmpty) break;
            int part = Math.Min(rest.Length, into.Length - copied);
            rest[..part].CopyTo(into[copied..]);
            copied += part;
        }
        return copied;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var file in _files.Values) file.Dispose();
            _files.Clear();
        }
    }

    private byte[]? Find(string sha256, long number)
    {
        lock (_gate)
        {
            if (_pages.TryGetValue((sha256, number), out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                metrics.Hit();
                return node.Value.Bytes;
            }
        }
        metrics.Miss();
        if (Load(sha256, number) is not { } bytes) return null;
        lock (_gate)
        {
            // Two threads may have read the same page: the first one in is kept.
            if (_pages.TryGetValue((sha256, number), out var node)) return node.Value.Bytes;
            _pages[(sha256, number)] = _byUse.AddFirst(new Page((sha256, number), bytes));
            while (_pages.Count > _maxPages)
            {
                _pages.Remove(_byUse.Last!.Value.Key);
                _byUse.RemoveLast();
            }
        }
        return bytes;
    }

    private byte[]? Load(string sha256, long number)
    {
        if (File(sha256) is not { } file) return null;
        byte[] rented = ArrayPool<byte>.Shared.Rent(PageBytes);
        try
        {
            int read = 0;
            while (read < PageBytes && RandomAccess.Read(file, rented.AsSpan(read, PageBytes - read), number * PageBytes + read) is var n and > 0) read += n;
            return rented[..read];
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private SafeFileHandle? File(string sha256)
    {
        lock (_gate)
        {
            if (_files.TryGetValue(sha256, out var open)) return open;
            if (blobs.OpenRead(sha256) is not { } file) return null;
            _files[sha256] = file;
            return file;
        }
    }

    private sealed record Page((string Sha256, long Number) Key, byte[] Bytes);
}
