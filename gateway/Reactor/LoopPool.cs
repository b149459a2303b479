using System.Buffers;
using System.Numerics;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// A loop's own buffers. In one round hundreds of connections may hold one each until the round ends, which is more than the shared pool
/// keeps for a thread; and nobody else wants them, so there is no lock. For the loop's thread only.
/// </summary>
internal sealed class LoopPool : ArrayPool<byte>
{
    private const int SmallestBits = 9, LargestBits = 17, KeptBytesPerSize = 512 * 1024;

    private readonly Stack<byte[]>[] _kept =
        [.. Enumerable.Range(SmallestBits, LargestBits - SmallestBits + 1).Select(_ => new Stack<byte[]>())];

    public override byte[] Rent(int minimumLength)
    {
        int size = BitsFor(minimumLength) - SmallestBits;
        if (size >= _kept.Length) return Shared.Rent(minimumLength);
        return _kept[size].TryPop(out byte[]? kept) ? kept : GC.AllocateUninitializedArray<byte>(1 << (size + SmallestBits));
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        int size = BitsFor(array.Length) - SmallestBits;
        if (size >= _kept.Length) Shared.Return(array);
        else if (_kept[size].Count < KeptBytesPerSize >> (size + SmallestBits)) _kept[size].Push(array);
    }

    private static int BitsFor(int length) => Math.Max(SmallestBits, 32 - BitOperations.LeadingZeroCount((uint)length - 1));
}
