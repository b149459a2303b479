using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>
/// Where a packet whose header straddles two buffers of a pipe is put together, so that it costs no allocation. Keep one per
/// connection, or per thread that finishes each packet before it cuts the next: the next one overwrites it.
/// </summary>
public sealed class PacketScratch
{
    /// <summary>More is not worth keeping: it is let go after the packet.</summary>
    private const int MaxKeptBytes = 4096;

    private byte[] _bytes = [];

    internal ReadOnlySpan<byte> Join(scoped in ReadOnlySequence<byte> bytes)
    {
        if (bytes.Length > MaxKeptBytes) return bytes.ToArray();
        int length = (int)bytes.Length;
        if (_bytes.Length < length) _bytes = new byte[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(length, 64))];
        bytes.CopyTo(_bytes);
        return _bytes.AsSpan(0, length);
    }
}
