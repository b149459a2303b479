using System.Buffers;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// The beginning of a packet, the rest of which has not come: bytes at the front of an array of the loop's pool, held only while there are
/// some.
/// </summary>
internal struct PartialPacket
{
    private byte[]? _array;

    public int Count { get; private set; }

    /// <summary>They, in an array with room for more behind them.</summary>
    public byte[] WithRoom(int more, ArrayPool<byte> pool)
    {
        if (_array!.Length - Count >= more) return _array;
        byte[] larger = pool.Rent(Math.Max(Count + more, Count * 2));
        _array.AsSpan(0, Count).CopyTo(larger);
        pool.Return(_array);
        return _array = larger;
    }

    public readonly byte[] Array => _array!;

    /// <summary>Of what was read, the last bytes are left; nothing of before is needed any more.</summary>
    /// <param name="buffer">What was read; the array that <see cref="WithRoom"/> returned, if there were bytes before.</param>
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
}
