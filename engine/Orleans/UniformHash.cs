using System.Buffers.Binary;
using System.Numerics;

namespace Orleans.Runtime;

/// <summary>xxHash32 with seed 0, as Orleans hashes ids: reminder tables hold its value, and a table may pass from one engine to the other.</summary>
internal static class UniformHash
{
    private const uint Prime1 = 2654435761, Prime2 = 2246822519, Prime3 = 3266489917, Prime4 = 668265263, Prime5 = 374761393;

    // Orleans takes the four bytes of the digest, which are in network order, for a number in little-endian order.
    public static uint Of(ReadOnlySpan<byte> data) =>
        unchecked(BinaryPrimitives.ReverseEndianness(Avalanche(Tail(data, Body(data) + (uint)data.Length))));

    /// <summary>Whole stripes of 16 bytes.</summary>
    private static uint Body(ReadOnlySpan<byte> data)
    {
        unchecked
        {
            if (data.Length < 16) return Prime5;
            uint a = Prime1 + Prime2, b = Prime2, c = 0, d = 0 - Prime1;
            for (; data.Length >= 16; data = data[16..])
            {
                a = Round(a, data);
                b = Round(b, data[4..]);
                c = Round(c, data[8..]);
                d = Round(d, data[12..]);
            }
            return BitOperations.RotateLeft(a, 1) + BitOperations.RotateLeft(b, 7) + BitOperations.RotateLeft(c, 12) + BitOperations.RotateLeft(d, 18);
        }
    }

    private static uint Round(uint lane, ReadOnlySpan<byte> data) => unchecked(
        BitOperations.RotateLeft(lane + (BinaryPrimitives.ReadUInt32LittleEndian(data) * Prime2), 13) * Prime1);

    private static uint Tail(ReadOnlySpan<byte> data, uint hash)
    {
        unchecked
        {
            var rest = data[(data.Length & ~15)..];
            for (; rest.Length >= 4; rest = rest[4..])
                hash = BitOperations.RotateLeft(hash + (BinaryPrimitives.ReadUInt32LittleEndian(rest) * Prime3), 17) * Prime4;
            foreach (byte b in rest) hash = BitOperations.RotateLeft(hash + (b * Prime5), 11) * Prime1;
            return hash;
        }
    }

    private static uint Avalanche(uint hash)
    {
        unchecked
        {
            hash = (hash ^ (hash >> 15)) * Prime2;
            hash = (hash ^ (hash >> 13)) * Prime3;
            return hash ^ (hash >> 16);
        }
    }
}
