using System.Buffers;

namespace Fleet.Gateway.Reactor;

internal static class Pooled
{
    /// <summary>An array of the pool with room for so many bytes and the first of the old one's; the old one, if it is another, goes back.</summary>
    public static byte[] Grow(byte[] array, int used, int needed)
    {
        if (array.Length >= needed) return array;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, used * 2));
        array.AsSpan(0, used).CopyTo(larger);
        if (array.Length > 0) ArrayPool<byte>.Shared.Return(array);
        return larger;
    }
}
