using System.Buffers;
using Fleet.Gateway.Reactor.Native;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// The beginning of a packet, the rest of which has not come: bytes at the front of an array of the loop's pool, held only while there are
/// some.
/// </summary>
internal struct PartialPacket
{
    private const int MinReadBytes = 4 * 1024;

    private byte[]? _array;

    public int Count { get; private set; }

    public readonly byte[] Array => _array!;

    /// <summary>Reads what the wire has, behind these bytes.</summary>
    /// <param name="buffer">The loop's own, or one in which these are.</param>
    /// <param name="count">How many bytes are in it.</param>
    /// <returns>What the last read came to.</returns>
    public int ReadMore(Wire wire, ReactorLoop loop, out byte[] buffer, out int count)
    {
        count = Count;
        buffer = count == 0 ? loop.ReadBuffer : WithRoom(MinReadBytes, loop.Pool);
        int read;
        do
        {
            read = wire.Read(buffer.AsSpan(count));
            if (read > 0) count += read;
        }
        while (read > 0 && count < buffer.Length && wire.HasPending);
        return read;
    }

    /// <summary>Of what was read, the last bytes are left; nothing of before is needed any more.</summary>
    /// <param name="buffer">What was read; the array that <see cref="ReadMore"/> gave, if there were bytes before.</param>
    public void Keep(byte[] buffer, int count, int left, ArrayPool<byte> pool)
    {
        if (left == 0)
        {
            Clear(pool);
            return;
        }
        _array ??= pool.Rent(left);
        buffer.AsSpan(count - left, left).CopyTo(_array);
        Count = left;
    }

    public void Clear(ArrayPool<byte> pool)
    {
        if (_array is not null) pool.Return(_array);
        _array = null;
        Count = 0;
    }

    private byte[] WithRoom(int more, ArrayPool<byte> pool)
    {
        if (_array!.Length - Count >= more) return _array;
        byte[] larger = pool.Rent(Math.Max(Count + more, Count * 2));
        _array.AsSpan(0, Count).CopyTo(larger);
        pool.Return(_array);
        return _array = larger;
    }
}
